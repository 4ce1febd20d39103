import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { loadInputs } from "../src/inputs.ts";
import { createInputs, defaultValues, loadWith } from "./support/inputs.ts";

let log: string;

beforeEach(() => {
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

const digest = "0123456789abcdef".repeat(4);
const tarball = "https://example.org/nix.tar.xz";

test("the defaults of action.yml load, and the token is masked", () => {
  expect(loadWith({})).toEqual(createInputs({ githubToken: "ghs_token" }));
  expect(log).toBe("::add-mask::ghs_token\n");
});

test("an empty token is not a secret", () => {
  expect(loadWith({ "github-token": "" }).githubToken).toBe("");
  expect(log).toBe("");
});

test("inputs come from the variables that the runner sets, without the space around them", () => {
  const before = { ...process.env };
  for (const [name, value] of Object.entries({ ...defaultValues(), "cache-key": " mine\n" })) {
    process.env[`INPUT_${name.toUpperCase()}`] = value;
  }
  try {
    expect(loadInputs().cacheKey).toBe("mine");
  } finally {
    process.env = before;
  }
});

test.each([
  [{ rev: "7b45d94" }, { flake: "github:es-nix/podman-rootless/7b45d94" }],
  [{ rev: "feature/x_1.2" }, { flake: "github:es-nix/podman-rootless/feature/x_1.2" }],
  [{ "nix-version": "2.35" }, { nixVersion: "2.35" }],
  [
    { "nix-url": tarball, "nix-sha256": digest.toUpperCase() },
    { nixTarball: { url: tarball, sha256: digest } },
  ],
  [{ "storage-driver": "overlay" }, { storageDriver: "overlay" }],
  [{ "storage-driver": "vfs" }, { storageDriver: "vfs" }],
  [{ "storage-root": "/data/my store/ü" }, { storageRoot: "/data/my store/ü" }],
  [{ cache: "false" }, { cache: false }],
  [{ "cache-key": "A-z_0.9" }, { cacheKey: "A-z_0.9" }],
  [{ socket: "true" }, { socket: true }],
  [{ "docker-shim": "true" }, { dockerShim: true }],
] as const)("%j", (values, expected) => {
  expect(loadWith(values)).toEqual(createInputs({ githubToken: "ghs_token", ...expected }));
});

test.each([
  "github:es-nix/podman-rootless",
  "github:owner/repository/rev?dir=sub#packages.x86_64-linux.podman",
  "gitlab:a/b",
  "git+https://example.org/a.git?ref=main",
  "git+ssh://git@example.org/a",
  "git+file:///srv/a",
  "https://example.org/a.tar.gz",
  "tarball+file:///srv/a.tar.gz",
  "path:./nix",
  "path:/srv/a",
  ".",
  "..",
  ".#podman",
  ".?dir=nix#podman",
  "./nix",
  "../other#podman",
  "/srv/flake",
  "nixpkgs#podman",
  "nixpkgs/nixos-26.05",
])("flake %s is taken as it is", (reference) => {
  expect(loadWith({ flake: reference }).flake).toBe(reference);
});

const flakeExpected = "Expected a flake reference such as github:es-nix/podman-rootless or path:./nix.";
const revExpected = "Expected a commit, tag or branch of github:es-nix/podman-rootless.";
const keyExpected = "Expected 1 to 100 letters, digits, '.', '_' or '-'.";
const urlExpected = "Expected an http or https URL of a nix-VERSION-SYSTEM.tar.xz.";
const digestExpected = "Expected 64 hexadecimal digits, the SHA-256 of the tarball at nix-url.";
const rootExpected = "Expected a path without quotes, backslashes or $.";

test.each([
  ["flake", "gitub:a/b", flakeExpected],
  ["flake", "github:", flakeExpected],
  ["flake", "github:a/b c", flakeExpected],
  ["flake", "./a b", flakeExpected],
  ["flake", "--impure", flakeExpected],
  ["flake", "a/b/c/d", flakeExpected],
  ["flake", "$(id)", flakeExpected],
  ["rev", "main;id", revExpected],
  ["rev", "-main", revExpected],
  ["rev", "a..b", revExpected],
  ["rev", "main?dir=x", revExpected],
  ["rev", "main#podman", revExpected],
  ["rev", "a".repeat(256), revExpected],
  ["nix-version", "", "Expected a version such as 2.34.7."],
  ["nix-version", "latest", "Expected a version such as 2.34.7."],
  ["nix-version", "2.34.7/../x", "Expected a version such as 2.34.7."],
  ["nix-version", "v2.34.7", "Expected a version such as 2.34.7."],
  ["nix-url", "nix.tar.xz", urlExpected],
  ["nix-url", "file:///nix.tar.xz", urlExpected],
  ["storage-driver", "", "Expected fuse-overlayfs, overlay or vfs."],
  ["storage-driver", "btrfs", "Expected fuse-overlayfs, overlay or vfs."],
  ["storage-driver", "Overlay", "Expected fuse-overlayfs, overlay or vfs."],
  ["storage-root", '/a"b', rootExpected],
  ["storage-root", "/a\\b", rootExpected],
  ["storage-root", "$HOME/store", rootExpected],
  ["storage-root", "/a\nb", rootExpected],
  ["cache", "", "Expected true or false."],
  ["cache", "yes", "Expected true or false."],
  ["cache", "TRUE", "Expected true or false."],
  ["socket", "/run/docker.sock", "Expected true or false."],
  ["docker-shim", "", "Expected true or false."],
  ["cache-key", "", keyExpected],
  ["cache-key", "a,b", keyExpected],
  ["cache-key", "a/b", keyExpected],
  ["cache-key", "a".repeat(101), keyExpected],
])("%s %j is refused", (name, value, expected) => {
  expect(() => loadWith({ [name]: value })).toThrow(new Error(`Invalid ${name} '${value}'. ${expected}`));
});

test.each([
  ["", digest, `Invalid nix-url ''. ${urlExpected}`],
  [tarball, "", `Invalid nix-sha256 ''. ${digestExpected}`],
  [tarball, digest.slice(1), `Invalid nix-sha256 '${digest.slice(1)}'. ${digestExpected}`],
  [tarball, `${digest}0`, `Invalid nix-sha256 '${digest}0'. ${digestExpected}`],
])("a tarball at %j of hash %j is refused", (url, sha256, message) => {
  expect(() => loadWith({ "nix-url": url, "nix-sha256": sha256 })).toThrow(new Error(message));
});

test("flake and rev exclude each other", () => {
  expect(() => loadWith({ flake: ".", rev: "main" })).toThrow(
    new Error("Give flake or rev, not both: rev is a revision of github:es-nix/podman-rootless"),
  );
});
