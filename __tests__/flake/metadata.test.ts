import { expect, test } from "@jest/globals";
import { parseMetadata } from "../../src/flake/resolve.ts";

const rev = "7b45d94e6c0e0a5f0f6f5c1e2d3b4a5968778695";
const narHash = "sha256-KOibAs9U5INErP7CHZILxomGlxedlde4cbMwAEiW2IE=";
const locks = { nodes: { root: {} }, root: "root", version: 7 };
const github = { type: "github", owner: "es-nix", repo: "podman-rootless" };
const plain = "github:es-nix/podman-rootless";

// What `nix flake metadata --json` printed, shortened where nothing is read.
const path2_8 = {
  lastModified: 1795439546,
  locked: { lastModified: 1795439546, narHash, path: "/project/flake", type: "path" },
  locks,
  original: { path: "/project/flake", type: "path" },
  originalUrl: "path:/project/flake",
  path: "/nix/store/035yzsf8008x81x7446w0wvbyh8bfja2-source",
  resolved: { path: "/project/flake", type: "path" },
  resolvedUrl: "path:/project/flake",
  url: `path:/project/flake?lastModified=1795439546&narHash=${narHash}`,
};
const github2_8 = {
  description: "podman",
  lastModified: 1640000000,
  locked: { ...github, lastModified: 1640000000, narHash, rev },
  locks,
  original: github,
  originalUrl: plain,
  path: "/nix/store/035yzsf8008x81x7446w0wvbyh8bfja2-source",
  resolved: github,
  resolvedUrl: plain,
  revision: rev,
  url: `${plain}/${rev}`,
};
const github2_26 = {
  ...github2_8,
  locked: { ...github, lastModified: 1640000000, narHash, rev },
  url: `${plain}/${rev}?narHash=${encodeURIComponent(narHash)}`,
};
const github2_34 = { ...github2_26, fingerprint: "5f0c7b9c3c0d0e8f", path: undefined };
const dirty2_26 = {
  dirtyRevision: `${rev}-dirty`,
  lastModified: 1740000000,
  locked: {
    dirtyRev: `${rev}-dirty`,
    dirtyShortRev: "7b45d94-dirty",
    type: "git",
    url: "file:///project",
    narHash,
  },
  locks,
  original: { type: "git", url: "file:///project" },
  originalUrl: "git+file:///project",
  path: "/nix/store/035yzsf8008x81x7446w0wvbyh8bfja2-source",
  resolved: { type: "git", url: "file:///project" },
  resolvedUrl: "git+file:///project",
  url: "git+file:///project",
};

test.each([
  ["path, 2.8", path2_8, "path:/project/flake", { url: "path:/project/flake", rev: narHash }],
  ["a path without path:, 2.8", path2_8, "/project/flake", { url: path2_8.url, rev: narHash }],
  ["github, 2.8", github2_8, plain, { url: `${plain}/${rev}`, rev }],
  ["github, 2.26", github2_26, plain, { url: github2_26.url, rev }],
  ["github, 2.34", github2_34, plain, { url: github2_26.url, rev }],
  [
    "without its own revision field",
    { ...github2_8, revision: undefined },
    plain,
    { url: github2_8.url, rev },
  ],
  ["a checkout with changes, 2.26", dirty2_26, "/project", { url: "git+file:///project", rev: narHash }],
  ["without a locked URL", { resolvedUrl: plain }, "podman", { url: plain, rev: "" }],
  ["without any URL", {}, "podman", { url: "podman", rev: "" }],
])("%s", (_, metadata, reference, expected) => {
  expect(parseMetadata(JSON.stringify(metadata), reference)).toMatchObject(expected);
});

test("other inputs are another flake, though it is of the same revision", () => {
  const inputs = (metadata: object) => parseMetadata(JSON.stringify(metadata), plain).inputs;
  const others = { ...locks, nodes: { root: { inputs: { nixpkgs: "nixpkgs" } } } };
  expect(inputs(github2_34)).toBe(inputs(github2_26));
  expect(inputs({ ...github2_34, locks: others })).not.toBe(inputs(github2_34));
  expect(inputs({})).toMatch(/^[0-9a-f]{12}$/);
});
