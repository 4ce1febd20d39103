import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type CacheInputs, type Inputs, loadInputs, type NixInputs } from "../src/inputs.ts";
import { createCache, createInputs, createNix, defaultValues, loadWith } from "./support/inputs.ts";

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

/** What is loaded where the token is action.yml's default. */
const withToken = (overrides: Partial<Inputs>) =>
  createInputs({ nix: createNix({ githubToken: "ghs_token" }), ...overrides });

test("the defaults of action.yml load, and the token is masked", () => {
  expect(loadWith({})).toEqual(createInputs({ nix: createNix({ githubToken: "ghs_token" }) }));
  expect(log).toBe("::add-mask::ghs_token\n");
});

test("an empty token is not a secret", () => {
  expect(loadWith({ "github-token": "" }).nix.githubToken).toBe("");
  expect(log).toBe("");
});

test("inputs come from the variables that the runner sets, without the space around them", () => {
  const before = { ...process.env };
  for (const [name, value] of Object.entries({ ...defaultValues(), "cache-key": " mine\n" })) {
    process.env[`INPUT_${name.toUpperCase()}`] = value;
  }
  try {
    expect(loadInputs().cache.name).toBe("mine");
  } finally {
    process.env = before;
  }
});

test.each<[Record<string, string>, Partial<Inputs>]>([
  [{ rev: "7b45d94" }, { flake: "github:es-nix/podman-rootless/7b45d94" }],
  [{ rev: "feature/x_1.2" }, { flake: "github:es-nix/podman-rootless/feature/x_1.2" }],
  [{ "storage-driver": "overlay" }, { runner: { ...createInputs().runner, storageDriver: "overlay" } }],
  [{ "storage-driver": "auto" }, { runner: { ...createInputs().runner, storageDriver: "auto" } }],
  [
    { "subordinate-ids": "200000:70000", apparmor: "sysctl", "allow-single-id": "true" },
    {
      runner: {
        storageDriver: "fuse-overlayfs",
        subordinateIds: { start: 200_000, count: 70_000 },
        appArmor: "sysctl",
        allowSingleId: true,
      },
    },
  ],
  [
    { doctor: "true", keep: "false" },
    { doctor: true, keep: false },
  ],
  [{ "storage-root": "/data/my store/ü" }, { storageRoot: "/data/my store/ü" }],
  [{ pull: "newer" }, { pull: "newer" }],
  [
    {
      images: "docker.io/library/busybox:stable\n# no\nalpine, localhost:5000/a/b@sha256:0123 \n[::1]:5000/c",
    },
    {
      images: [
        "docker.io/library/busybox:stable",
        "alpine",
        "localhost:5000/a/b@sha256:0123",
        "[::1]:5000/c",
      ],
    },
  ],
  [{ socket: "true" }, { socket: true }],
  [{ "docker-shim": "true" }, { dockerShim: true }],
])("%j", (values, expected) => {
  expect(loadWith(values)).toEqual(withToken(expected));
});

test.each<[Record<string, string>, Partial<CacheInputs>]>([
  [{ cache: "true" }, { mode: "true" }],
  [{ cache: "read-only" }, { mode: "read-only" }],
  [{ cache: "false" }, { mode: "false" }],
  [{ "cache-key": "A-z_0.9" }, { name: "A-z_0.9" }],
  [{ "cache-restore": "unpack" }, { unpack: true }],
  [{ "cache-images": "localhost/**" }, { images: ["localhost/**"] }],
  [{ "cache-images": " a/*,!a/b , c:1" }, { images: ["a/*", "!a/b", "c:1"] }],
  [{ "cache-images": "\n  a\n\n# b\n  # c\n!d:*\n" }, { images: ["a", "!d:*"] }],
  [{ "cache-images": " \n,\n" }, { images: [] }],
  [{ "cache-max-size": "500MB" }, { limit: 500_000_000 }],
  [{ "cache-max-size": "1.5 GB" }, { limit: 1_500_000_000 }],
  [{ "cache-max-size": "0.001mb" }, { limit: 1000 }],
  [{ "cache-on-failure": "true" }, { onFailure: true }],
  [{ "cache-save-timeout": "1" }, { saveSeconds: 1 }],
  [{ "cache-save-timeout": "99999" }, { saveSeconds: 99_999 }],
  [{ "fail-on-cache-miss": "true" }, { failOnMiss: true }],
  [
    { "fail-on-cache-miss": "true", cache: "read-only" },
    { failOnMiss: true, mode: "read-only" },
  ],
  [{ "lookup-only": "true" }, { lookupOnly: true }],
  [{ "cache-mounts": "true" }, { cacheMounts: true }],
  [{ "cache-volumes": "data\n my_vol-1.2 ,x" }, { cacheVolumes: ["data", "my_vol-1.2", "x"] }],
])("of the cache: %j", (values, expected) => {
  expect(loadWith(values)).toEqual(withToken({ cache: createCache(expected) }));
});

const key = `example.org-1:${"A".repeat(43)}=`;

test.each<[Record<string, string>, Partial<NixInputs>]>([
  [{ nix: "install" }, { mode: "install" }],
  [{ nix: "existing" }, { mode: "existing" }],
  [{ "nix-version": "2.35" }, { version: "2.35" }],
  [{ "nix-url": tarball, "nix-sha256": digest.toUpperCase() }, { tarball: { url: tarball, sha256: digest } }],
  [{ "nix-config": "max-jobs = 2\ncores = 1" }, { config: "max-jobs = 2\ncores = 1" }],
  [
    {
      "extra-substituters": "https://a.example\nhttp://127.0.0.1:1/b?compression=none",
      "extra-trusted-public-keys": key,
    },
    { substituters: ["https://a.example", "http://127.0.0.1:1/b?compression=none"], publicKeys: [key] },
  ],
  [{ "accept-flake-config": "true" }, { acceptFlakeConfig: true }],
  [{ "cache-nix": "false" }, { cached: false }],
])("of Nix: %j", (values, expected) => {
  expect(loadWith(values)).toEqual(withToken({ nix: createNix({ githubToken: "ghs_token", ...expected }) }));
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
const substituterExpected = "Expected URLs of binary caches such as https://example.cachix.org, one a line.";
const publicKeyExpected = "Expected keys such as example.org-1:BASE64, one a line.";
const digestExpected = "Expected 64 hexadecimal digits, the SHA-256 of the tarball at nix-url.";
const modeExpected = "Expected auto, true, read-only or false.";
const sizeExpected = "Expected a size such as 500MB or 5GB.";
const volumeExpected = "Expected names of volumes: 1 to 100 letters, digits, '.', '_' or '-'.";
const imageExpected = "Expected names of images such as docker.io/library/busybox:stable.";
const secondsExpected = "Expected seconds, 1 to 99999.";
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
  ["nix", "", "Expected auto, install or existing."],
  ["nix", "true", "Expected auto, install or existing."],
  ["extra-substituters", "cache.example.org", substituterExpected],
  ["extra-substituters", "https://a.example https://b.example", substituterExpected],
  ["extra-trusted-public-keys", "example.org-1", publicKeyExpected],
  ["extra-trusted-public-keys", `example.org-1:${"A".repeat(42)}=`, publicKeyExpected],
  ["accept-flake-config", "", "Expected true or false."],
  ["cache-nix", "auto", "Expected true or false."],
  ["nix-url", "nix.tar.xz", urlExpected],
  ["nix-url", "file:///nix.tar.xz", urlExpected],
  ...["", "btrfs", "Overlay"].map(
    (value) => ["storage-driver", value, "Expected auto, fuse-overlayfs, overlay or vfs."] as const,
  ),
  ...["100000", "100000-165535", "0:65536", "100000:65535", "100000:x", "4294967000:65536", "-1:65536"].map(
    (value) =>
      [
        "subordinate-ids",
        value,
        "Expected START:COUNT such as 200000:65536, with 65536 ids or more, all below 4294967295.",
      ] as const,
  ),
  ["apparmor", "on", "Expected profile, sysctl or off."],
  ["allow-single-id", "yes", "Expected true or false."],
  ["doctor", "", "Expected true or false."],
  ["keep", "no", "Expected true or false."],
  ["storage-root", '/a"b', rootExpected],
  ["storage-root", "/a\\b", rootExpected],
  ["storage-root", "$HOME/store", rootExpected],
  ["storage-root", "/a\nb", rootExpected],
  ["cache", "", modeExpected],
  ["cache", "yes", modeExpected],
  ["cache", "TRUE", modeExpected],
  ["cache", "readonly", modeExpected],
  ["cache", "on", modeExpected],
  ["cache-restore", "", "Expected auto or unpack."],
  ["cache-restore", "mount", "Expected auto or unpack."],
  ["cache-max-size", "", sizeExpected],
  ["cache-max-size", "5", sizeExpected],
  ["cache-max-size", "5G", sizeExpected],
  ["cache-max-size", "5GiB", sizeExpected],
  ["cache-max-size", "5TB", sizeExpected],
  ["cache-max-size", "0GB", sizeExpected],
  ["cache-max-size", "0.000MB", sizeExpected],
  ["cache-max-size", "-1GB", sizeExpected],
  ["cache-max-size", "1e9MB", sizeExpected],
  ["cache-max-size", "1,5GB", sizeExpected],
  ["cache-max-size", "1234567MB", sizeExpected],
  ["cache-max-size", "5GB 5GB", sizeExpected],
  ["cache-on-failure", "", "Expected true or false."],
  ["cache-on-failure", "always", "Expected true or false."],
  ["cache-save-timeout", "", secondsExpected],
  ["cache-save-timeout", "0", secondsExpected],
  ["cache-save-timeout", "010", secondsExpected],
  ["cache-save-timeout", "10m", secondsExpected],
  ["cache-save-timeout", "1.5", secondsExpected],
  ["cache-save-timeout", "-5", secondsExpected],
  ["cache-save-timeout", "100000", secondsExpected],
  ["cache-mounts", "all", "Expected true or false."],
  ["cache-volumes", "-v", volumeExpected],
  ["cache-volumes", "a/b", volumeExpected],
  ["cache-volumes", "a b", volumeExpected],
  ["cache-volumes", "a".repeat(101), volumeExpected],
  ["images", "--all", imageExpected],
  ["images", "docker://alpine", imageExpected],
  ["images", "a b", imageExpected],
  ["images", "a".repeat(513), imageExpected],
  ["pull", "", "Expected missing or newer."],
  ["pull", "always", "Expected missing or newer."],
  ["fail-on-cache-miss", "no", "Expected true or false."],
  ["lookup-only", "", "Expected true or false."],
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

test("a tarball is not for a Nix that is there", () => {
  const values = { nix: "existing", "nix-url": tarball, "nix-sha256": digest };
  expect(() => loadWith(values)).toThrow(
    new Error("Give nix-url or nix: existing, not both: a tarball is there to be installed"),
  );
});

test("without the cache there is nothing to miss", () => {
  const message = "Give fail-on-cache-miss or cache: false, not both: without the cache every job is a miss";
  expect(() => loadWith({ cache: "false", "fail-on-cache-miss": "true" })).toThrow(new Error(message));
});
