import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { loadWith, readActionFile } from "./support/inputs.ts";

beforeEach(() => {
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
});

afterEach(() => {
  jest.restoreAllMocks();
});

const digest = "0123456789abcdef".repeat(4);
const tarball = "https://example.org/nix.tar.xz";

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

const refused: (readonly [name: string, value: string, expected: string])[] = [
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
  ["summary", "always", "Expected true or false."],
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
  ["add-to-path", "podman", "Expected true or false."],
  ["docker-shim", "", "Expected true or false."],
  ["cache-key", "", keyExpected],
  ["cache-key", "a,b", keyExpected],
  ["cache-key", "a/b", keyExpected],
  ["cache-key", "a".repeat(101), keyExpected],
];

test.each(refused)("%s %j is refused", (name, value, expected) => {
  expect(() => loadWith({ [name]: value })).toThrow(new Error(`Invalid ${name} '${value}'. ${expected}`));
});

/** Inputs of which every value is taken, and why. */
const free = {
  "github-token": "tokens have no form that is promised, but that they are one word: inputs-hostile.test.ts",
  "nix-config": "Nix itself says what is wrong with its settings",
  "cache-images": "any text is a pattern; one that matches nothing saves nothing",
  "job-status": "the runner's own word",
};

test("each input has values that are refused, or a reason why none is", () => {
  // Together with nix-url, below.
  const names = new Set([...refused.map(([name]) => name), "nix-sha256", ...Object.keys(free)]);
  expect([...names].sort()).toEqual(Object.keys(readActionFile().inputs).sort());
});

test.each([
  ["", digest, `Invalid nix-url ''. ${urlExpected}`],
  [tarball, "", `Invalid nix-sha256 ''. ${digestExpected}`],
  [tarball, digest.slice(1), `Invalid nix-sha256 '${digest.slice(1)}'. ${digestExpected}`],
  [tarball, `${digest}0`, `Invalid nix-sha256 '${digest}0'. ${digestExpected}`],
])("a tarball at %j of hash %j is refused", (url, sha256, message) => {
  expect(() => loadWith({ "nix-url": url, "nix-sha256": sha256 })).toThrow(new Error(message));
});

test.each<[Record<string, string>, string]>([
  [
    { flake: ".", rev: "main" },
    "Give flake or rev, not both: rev is a revision of github:es-nix/podman-rootless",
  ],
  [
    { nix: "existing", "nix-url": tarball, "nix-sha256": digest },
    "Give nix-url or nix: existing, not both: a tarball is there to be installed",
  ],
  [
    { cache: "false", "fail-on-cache-miss": "true" },
    "Give fail-on-cache-miss or cache: false, not both: without the cache every job is a miss",
  ],
  [
    { cache: "false", "lookup-only": "true" },
    "Give lookup-only or cache: false, not both: without the cache there is nothing to look up",
  ],
  [
    { cache: "true", "lookup-only": "true", "fail-on-cache-miss": "true" },
    "Give lookup-only or cache: true, not both: the one brings nothing back and saves nothing, the other does both",
  ],
  [{ pull: "newer" }, "Give images with pull: newer: it says which of them are pulled again"],
])("a contradiction is refused: %j", (values, message) => {
  expect(() => loadWith(values)).toThrow(new Error(message));
});

test.each<Record<string, string>>([
  { "lookup-only": "true", "fail-on-cache-miss": "true" },
  { cache: "read-only", "lookup-only": "true" },
  { cache: "read-only", "cache-on-failure": "true" },
  // One switch turns all of it off.
  {
    cache: "false",
    "cache-volumes": "data",
    "cache-mounts": "true",
    "cache-images": "a",
    "cache-restore": "unpack",
  },
  { "allow-single-id": "true", "storage-driver": "overlay", "subordinate-ids": "100000:65536" },
  { socket: "true", "add-to-path": "true", "docker-shim": "true" },
  { images: "a", pull: "newer", "lookup-only": "true" },
  { nix: "existing", "nix-version": "2.34.7" },
  { "extra-trusted-public-keys": `a-1:${"A".repeat(43)}=` },
])("no contradiction: %j", (values) => {
  expect(() => loadWith(values)).not.toThrow();
});
