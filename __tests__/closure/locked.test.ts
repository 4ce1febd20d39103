import { expect, test } from "@jest/globals";
import { locksAll } from "../../src/closure/locked.ts";

const rev = "0123456789abcdef0123456789abcdef01234567";
const narHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const metadata = (...locked: unknown[]) =>
  JSON.stringify({
    url: "path:/flake",
    locks: {
      version: 7,
      root: "root",
      nodes: {
        root: { inputs: {} },
        ...Object.fromEntries(locked.map((lock, index) => [`n${index}`, { locked: lock, original: {} }])),
      },
    },
  });

test.each<[boolean, string, unknown[]]>([
  [true, "no inputs", []],
  [true, "a commit and its hash", [{ type: "github", owner: "o", repo: "r", rev, narHash }]],
  [true, "a tarball's hash", [{ type: "tarball", url: "https://example.org", narHash }]],
  [true, "a path with its hash", [{ type: "path", path: "/nix/store/x", narHash }]],
  [true, "a commit alone", [{ type: "git", url: "https://example.org/r", rev }]],
  [true, "a path in the flake's own tree", [{ type: "path", path: "./nix/inner" }]],
  [true, "one in the tree whose name begins with dots", [{ type: "path", path: "..inner/..." }]],
  [false, "an absolute path alone", [{ type: "path", path: "/work/inner" }]],
  [false, "a path above the tree", [{ type: "path", path: "../inner" }]],
  [false, "a path above it by a detour", [{ type: "path", path: "./nix/../../inner" }]],
  [false, "the directory above it", [{ type: "path", path: "nix/.." }]],
  [false, "a path that is not said", [{ type: "path" }]],
  [false, "a path with a commit, which is none of it", [{ type: "path", path: "/work/inner", rev }]],
  [false, "a branch", [{ type: "git", url: "https://example.org/r", ref: "main" }]],
  [false, "nothing", [{}]],
  [false, "one of several that says nothing", [{ type: "github", rev, narHash }, { type: "git" }]],
])("%s: a flake.lock with %s locks all", (locks, _, nodes) => {
  expect(locksAll(metadata(...nodes))).toBe(locks);
});
