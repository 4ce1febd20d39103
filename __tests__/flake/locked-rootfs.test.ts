import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { render } from "../../script/lock.ts";
import { substituteRootfs } from "../../src/flake/locked-rootfs.ts";
import type { RootfsLock } from "../../src/flake/rootfs-lock.ts";
import { findNix, type Nix } from "../../src/nix/find.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { removeTree } from "../support/assets/cache.ts";

const system = currentSystem();
const environment = { ...process.env };
/** Root builds by itself: Debian leaves the group of builders, nixbld, to its package nix-setup-systemd. */
const builds = "sandbox = false\nsubstituters =\nbuild-users-group =";
let directory: string;
let found: Nix;
let publicKey: string;
let lock: RootfsLock;
let rootfs: string;
const at = (...names: string[]) => join(directory, ...names);
const lockFile = () => at("action", "nix", "rootfs.lock.json");
const cache = () => `file://${at("cache")}`;

/** Debian's Nix on the machine's own store, where the fixture is built. */
const nix = (...args: string[]) =>
  execFileSync("nix", ["--extra-experimental-features", "nix-command flakes", ...args], {
    encoding: "utf8",
    stdio: "pipe",
    // By default it would be this process's own, not what the tests see of it.
    env: process.env,
  }).trim();
const scriptLock = (...args: string[]) =>
  execFileSync(
    process.execPath,
    ["script/lock.ts", "--directory", at("action"), "--cache", cache(), ...args],
    {
      cwd: join(import.meta.dirname, "../.."),
      encoding: "utf8",
      stdio: "pipe",
      env: process.env,
    },
  );

// As nixpkgs' buildFHSEnv: the tree links to packages, which a cache has, and to a profile and a script of its own,
// which none has and which refer to packages.
const flake = `{
  outputs = { ... }: let
    make = name: script: derivation {
      inherit name;
      system = "${system}";
      builder = "/bin/sh";
      PATH = "/usr/bin:/bin";
      args = [ "-c" "set -e; \${script}" ];
    };
    library = make "library-1" "mkdir -p $out/lib && echo library >$out/lib/libit.so";
    podman = make "podman-5.8.2" ''
      mkdir -p $out/bin $out/share/ä && echo \${library} >$out/bin/podman && chmod +x $out/bin/podman
      echo ä >$out/share/ä/Ω; ln -s ../bin/podman $out/share/podman
    '';
    profile = make "env-fhsenv-profile" "mkdir -p $out/etc && echo PATH=/usr/bin >$out/etc/profile";
    ldconfig = make "ldconfig" ''
      mkdir -p $out/bin && echo "exec \${library} $out" >$out/bin/ldconfig && chmod +x $out/bin/ldconfig
    '';
    large = make "large" "head -c 2000000 /dev/zero >$out";
    rootfs = more: make "env-fhsenv-rootfs" ''
      mkdir -p $out/usr/bin $out/usr/share $out/etc $out/empty
      ln -s \${podman}/bin/podman \${ldconfig}/bin/ldconfig $out/usr/bin/
      ln -s \${podman}/share/* $out/usr/share/
      ln -s \${profile}/etc/profile $out/etc/profile
      ln -s /usr/bin $out/bin; ln -s podman $out/usr/bin/docker; ln -s /proc/mounts $out/etc/mtab
      printf 'no newline' >$out/etc/name; printf '\\377\\000' >$out/etc/bytes; : >$out/etc/empty
      printf '#!/bin/sh\\n' >$out/usr/bin/script; chmod +x $out/usr/bin/script
      \${more}
    '';
  in {
    packages.${system} = {
      rootfs = rootfs "";
      inherit podman;
    };
    packages.with-large.rootfs = rootfs "ln -s \${large} $out/large";
  };
}
`;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "locked-rootfs-"));
  process.env.NIX_CONFIG = builds;
  mkdirSync(at("action", "nix"), { recursive: true });
  writeFileSync(at("action", "flake.nix"), flake);
  const key = execFileSync("nix-store", [
    "--generate-binary-cache-key",
    "test-1",
    at("secret"),
    at("public"),
  ]);
  expect(key.toString()).toBe("");
  publicKey = readFileSync(at("public"), "utf8");
  const podman = JSON.parse(
    nix("build", "--json", "--no-link", `path:${at("action")}#packages.${system}.podman`),
  );
  nix("copy", "--to", `${cache()}?compression=none&secret-key=${at("secret")}`, podman[0].outputs.out);
  scriptLock();
  lock = JSON.parse(readFileSync(lockFile(), "utf8")) as RootfsLock;
  rootfs = lock.systems[system]?.rootfs ?? "";
  const own = await findNix();
  if (own === undefined) throw new Error("These tests need a Nix on PATH. Run script/bootstrap.");
  found = own;
}, 60_000);

afterAll(async () => {
  process.env = { ...environment };
  await removeTree(directory);
});

let said: string;
beforeEach(() => {
  said = "";
  writeFileSync(lockFile(), `${render(lock)}\n`);
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    said += text;
    return true;
  });
});
afterAll(() => {
  jest.restoreAllMocks();
});

let stores = 0;
/** A Nix with a store of its own, which is empty. */
function emptyStore(settings = `extra-trusted-public-keys = ${publicKey}`): Nix & { root: string } {
  stores += 1;
  const root = at(`store-${stores}`);
  const configFile = at(`nix-${stores}.conf`);
  writeFileSync(configFile, `store = ${root}\n${settings}\n`);
  process.env.NIX_CONFIG = `substituters = ${cache()}`;
  return { ...found, configFile, directory: join(root, "nix"), root };
}
const substitute = (own: Nix) => substituteRootfs(own, at("action"), system, at("roots", "rootfs"));
const listing = (path: string) =>
  execFileSync("find", [path, "-printf", "%P %y %m %l\\n"], { encoding: "utf8" }).split("\n").sort();

describe("script/lock", () => {
  test("writes down what no cache has, in order, and names what it has", () => {
    const locked = lock.systems[system];
    expect(locked?.parts.map((path) => path.slice(44))).toEqual(["library-1", "podman-5.8.2"]);
    const names = locked?.trees.map(({ path }) => path.slice(44)) ?? [];
    expect(names.toSorted()).toEqual(["env-fhsenv-profile", "env-fhsenv-rootfs", "ldconfig"]);
    expect(names.at(-1)).toBe("env-fhsenv-rootfs");
    const [podman] = locked?.parts.slice(1) ?? [];
    expect(locked?.trees[2]?.tree).toMatchObject({
      entries: {
        empty: {},
        etc: { entries: { bytes: { base64: "/wA=" }, name: { text: "no newline" } } },
        usr: { entries: { bin: { links: { [`${podman}/bin`]: ["podman"] } } } },
      },
    });
  });

  test("writes the same again, in lines that people can read", () => {
    const before = readFileSync(lockFile(), "utf8");
    process.env.NIX_CONFIG = builds;
    scriptLock();
    expect(readFileSync(lockFile(), "utf8")).toBe(before);
    expect(Math.max(...before.split("\n").map((line) => line.length))).toBeLessThan(140);
  }, 20_000);

  test("--check tells a current file from one of another flake, or without a system", () => {
    expect(scriptLock("--check")).toBe("nix/rootfs.lock.json is of this flake\n");
    const other = system === "x86_64-linux" ? "aarch64-linux" : "x86_64-linux";
    expect(() => scriptLock("--check", other)).toThrow(`has nothing for ${other}`);
    const flakeFile = at("action", "flake.nix");
    const text = readFileSync(flakeFile, "utf8");
    writeFileSync(flakeFile, `${text}# changed\n`);
    expect(() => scriptLock("--check")).toThrow("is of another flake.nix");
    writeFileSync(flakeFile, text);
  });

  test("refuses a large file that is in no cache, and says who refers to it", () => {
    process.env.NIX_CONFIG = builds;
    expect(() => scriptLock("with-large")).toThrow(
      /-large, to which \S+-env-fhsenv-rootfs refers, is in no binary cache \(file:\S+\) and cannot be written down: its files have more than 1000000 bytes/,
    );
  }, 20_000);

  test.each([
    [
      "a system that the flake does not have",
      ["riscv64-linux"],
      /Cannot build \S+#packages\.riscv64-linux\.rootfs: /,
    ],
    [
      "a cache that does not answer",
      ["--cache", "http://127.0.0.1:9"],
      /Cannot ask http:\S+ for \/nix\/store\//,
    ],
  ])(
    "%s is an error",
    (_, args, message) => {
      process.env.NIX_CONFIG = `${builds}\nconnect-timeout = 1\ndownload-attempts = 1`;
      expect(() => scriptLock(...args)).toThrow(message);
    },
    20_000,
  );
});

test("the rootfs is the one that the flake builds, byte for byte", async () => {
  const own = emptyStore();
  const provided = await substitute(own);
  expect(said).toContain(`Rootfs ${rootfs}, by nix/rootfs.lock.json`);
  expect(provided).toEqual({
    path: rootfs,
    contents: { kind: "fhs", path: rootfs },
    roots: [rootfs],
    url: `path:${at("action")}`,
    rev: JSON.parse(nix("flake", "metadata", "--json", `path:${at("action")}`)).locked.narHash,
  });
  expect(listing(join(own.root, rootfs))).toEqual(listing(rootfs));
  const query = (store: string, what: string) =>
    execFileSync("nix-store", ["--store", store, "--query", what, rootfs], { encoding: "utf8" });
  for (const what of ["--hash", "--references", "--requisites"]) {
    expect(query(own.root, what)).toBe(query("/", what));
  }
  expect(readdirSync(at("roots"))).toEqual(["rootfs"]);
  nix("store", "gc", "--store", own.root);
  nix("path-info", "--store", own.root, "--recursive", rootfs);
  // Nothing of the flake is there.
  expect(readdirSync(join(own.root, "nix/store")).filter((name) => /source|\.drv$/.test(name))).toEqual([]);
  // Again: it is there.
  process.env.NIX_CONFIG = "substituters =";
  expect(await substitute(own)).toEqual(provided);
}, 30_000);

test("a rootfs that a binary cache has is fetched as a whole", async () => {
  const whole = at("whole");
  nix("copy", "--to", `file://${whole}?compression=none&secret-key=${at("secret")}`, rootfs);
  const own = emptyStore();
  process.env.NIX_CONFIG = `substituters = file://${whole}`;
  expect(await substitute(own)).toMatchObject({ path: rootfs });
}, 20_000);

const evaluated = "The flake is evaluated, for the rootfs cannot be had without: ";

test.each<[string, () => unknown, string | RegExp]>([
  ["no JSON", () => writeFileSync(lockFile(), "{"), /^nix\/rootfs\.lock\.json is damaged: .*JSON/],
  ["null", () => writeFileSync(lockFile(), "null"), "nix/rootfs.lock.json is not of version 1"],
  ["another version", () => write({ ...lock, version: 2 as 1 }), "nix/rootfs.lock.json is not of version 1"],
  [
    "no systems",
    () => writeFileSync(lockFile(), `{"version":1,"flake":"${lock.flake}"}`),
    "nix/rootfs.lock.json is damaged: no flake or no systems",
  ],
  [
    "another flake",
    () => write({ ...lock, flake: "0".repeat(64) }),
    "nix/rootfs.lock.json is of another flake.nix, flake.lock or nix/",
  ],
  ["no such system", () => write({ ...lock, systems: {} }), `nix/rootfs.lock.json has nothing for ${system}`],
  [
    "an option for a path",
    () => changed({ parts: ["--delete"] }),
    `nix/rootfs.lock.json is damaged: of ${system}`,
  ],
  ["no trees", () => changed({ trees: [] }), `nix/rootfs.lock.json is damaged: of ${system}`],
  [
    "a part that no cache has",
    () => changed({ parts: [`/nix/store/${"0".repeat(32)}-nowhere`] }),
    /^its parts are not in the binary caches \(.*nowhere/,
  ],
  [
    "a tree of other contents",
    otherContents,
    /^nix\/rootfs\.lock\.json is damaged: \S+ is sha256-\S+, not sha256-/,
  ],
  [
    "a part that is not named",
    () => changed({ parts: [] }),
    /^Nix does not take it into the store \(.*library/,
  ],
])(
  "evaluation follows %s",
  async (_, change, reason) => {
    change();
    expect(await substitute(emptyStore())).toBeUndefined();
    const [line = ""] = said.split("\n").filter((other) => other.startsWith(evaluated));
    const given = line.slice(evaluated.length);
    if (typeof reason === "string") expect(given).toBe(reason);
    else expect(given).toMatch(reason);
    expect(existsSync(at("roots")) ? readdirSync(at("roots")) : []).toEqual([]);
  },
  20_000,
);

const write = (value: RootfsLock) => writeFileSync(lockFile(), JSON.stringify(value));

function changed(change: object): void {
  const locked = lock.systems[system];
  if (locked === undefined) throw new Error("script/lock wrote nothing");
  write({ ...lock, systems: { [system]: { ...locked, ...change } } });
}

function otherContents(): void {
  const trees = structuredClone(lock.systems[system]?.trees ?? []);
  if (trees[0]) trees[0].tree = { text: "other" };
  changed({ trees });
}

test("evaluation follows a signature that nobody trusts", async () => {
  expect(await substitute(emptyStore(""))).toBeUndefined();
  expect(said).toContain(`${evaluated}its parts are not in the binary caches (`);
  expect(said).toMatch(/caches \([^(]*substitute .*not signed by any of the keys/);
}, 20_000);

describe("with a daemon that does not trust the user", () => {
  let daemon: ChildProcess;
  let own: Nix;
  beforeAll(async () => {
    const root = at("store-daemon");
    const socket = at("socket");
    const settings = [
      `store = ${root}`,
      "trusted-users = nobody",
      `substituters = ${cache()}`,
      `extra-trusted-public-keys = ${publicKey}`,
    ];
    const env = { ...environment, NIX_CONFIG: settings.join("\n"), NIX_DAEMON_SOCKET_PATH: socket };
    daemon = spawn("nix-daemon", { env, stdio: "ignore" });
    const configFile = at("nix-daemon.conf");
    writeFileSync(configFile, `store = unix://${socket}?root=${root}\n`);
    own = { ...found, configFile, directory: join(root, "nix") };
    process.env.NIX_CONFIG = "";
    while (!existsSync(socket)) await setTimeout(20);
  }, 20_000);
  afterAll(() => {
    daemon.kill();
  });

  test("evaluation follows what it does not take, and it says so", async () => {
    expect(await substitute(own)).toBeUndefined();
    const [line = ""] = said.split("\n").filter((other) => other.startsWith(evaluated));
    expect(line.slice(evaluated.length)).toMatch(/^Nix does not take it into the store \(.*signature/);
    expect(readdirSync(at("roots"))).toEqual([]);
  }, 20_000);

  test("a rootfs that is there is had", async () => {
    const whole = ["copy", "--no-check-sigs", "--to", own.directory?.replace(/\/nix$/, "") ?? "", rootfs];
    process.env.NIX_CONFIG = "";
    nix(...whole);
    expect(await substitute(own)).toMatchObject({ path: rootfs });
  }, 20_000);
});

test("without a lock file there is one line, for those who debug", async () => {
  rmSync(lockFile());
  expect(await substitute(emptyStore())).toBeUndefined();
  expect(said).toMatch(/^::debug::No nix\/rootfs\.lock\.json: [^\n]*\n$/);
});
