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

test("a misspelt input is a warning that names the one that was meant", () => {
  const values = defaultValues();
  loadInputs((name) => values[name] ?? "", ["INPUT_FLAKES", "INPUT_JOB-STATUS", "INPUT_MINE"]);
  expect(log).toContain("::warning::Unknown input 'flakes'. Did you mean flake?\n");
  expect(log.match(/::warning::/g)).toHaveLength(1);
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
  [
    { images: "a", pull: "newer" },
    { images: ["a"], pull: "newer" },
  ],
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
  [{ "add-to-path": "true" }, { addToPath: true }],
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
