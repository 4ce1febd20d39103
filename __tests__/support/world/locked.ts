import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../machine/machine.ts";
import { repository, type World } from "./world.ts";

/** The action as it is after a release: with a lock file of its rootfs, whose parts are in a binary cache. */
export interface LockedAction {
  /** Folder of the host that has the action. */
  action: string;
  /** What the flake is evaluated with, as machines are shown it. */
  nixpkgs: Mount;
  /** Folder of the host that is a binary cache with the rootfs' parts. */
  cache: string;
  /** By whose key they are signed. */
  publicKey: string;
  /** Store path of the rootfs, which is in the host's store, as the flake built it. */
  rootfs: string;
  parts: string[];
}

const seen = { nixpkgs: "/srv/nixpkgs", debian: "/srv/debian" };

const nixConfig = "sandbox = false\nsubstituters =\nextra-experimental-features = nix-command flakes";

/**
 * Makes a copy of the action whose own flake has the stand-in for nixpkgs as its input, builds its rootfs, fills a
 * binary cache, and runs script/lock. Needs root, and Debian's Nix.
 *
 * @param folder where all of it goes
 */
export function lockedAction(world: World, folder: string): LockedAction {
  const action = join(folder, "action");
  const cache = join(folder, "cache");
  const key = join(folder, "key");
  const nixpkgs = { source: world.path("flake", "nixpkgs"), target: seen.nixpkgs };
  const run = (...argv: string[]) => within(nixpkgs.source, world.path("debian"), argv);

  mkdirSync(folder);
  copyAction(action);
  run("nix", "flake", "lock", `path:${action}`);
  const [built] = JSON.parse(run("nix", "build", "--json", "--no-link", `path:${action}#rootfs`)) as [
    { outputs: { out: string } },
  ];
  const rootfs = built.outputs.out;
  run("nix-store", "--generate-binary-cache-key", "stand-in-1", key, `${key}.pub`);
  // Of the rootfs' references the Debian root is what nixpkgs' packages are: what binary caches have.
  const parts = run("nix-store", "--query", "--references", rootfs)
    .split("\n")
    .filter((path) => path.endsWith("-source"));
  run("nix", "copy", "--to", `file://${cache}?compression=none&secret-key=${key}`, ...parts);
  run(
    process.execPath,
    join(repository, "script/lock.ts"),
    "--directory",
    action,
    "--cache",
    `file://${cache}`,
  );
  return { action, nixpkgs, cache, publicKey: readFileSync(`${key}.pub`, "utf8"), rootfs, parts };
}

function copyAction(action: string): void {
  mkdirSync(action);
  for (const name of ["action.yml", "dist", "flake.nix", "nix"]) {
    cpSync(join(repository, name), join(action, name), { recursive: true });
  }
  rmSync(join(action, "nix", "rootfs.lock.json"), { force: true });
  const file = join(action, "flake.nix");
  const flake = readFileSync(file, "utf8")
    .replace(
      /^ {2}inputs\.nixpkgs\.url = .*$/m,
      `  inputs.debian = {
    url = "path:${seen.debian}";
    flake = false;
  };
  inputs.nixpkgs = {
    url = "path:${seen.nixpkgs}";
    inputs.debian.follows = "debian";
  };`,
    )
    .replace("{ self, nixpkgs }:", "{ self, nixpkgs, ... }:");
  writeFileSync(file, flake);
}

/** Runs a program of the host where the stand-in is at the places that machines are shown it at. */
function within(nixpkgs: string, debian: string, argv: readonly string[]): string {
  const script = `
    mount -t tmpfs tmpfs /srv
    mkdir ${seen.nixpkgs} ${seen.debian}
    mount --bind "$1" ${seen.nixpkgs}
    mount --bind "$2" ${seen.debian}
    shift 2
    exec "$@"`;
  const args = ["--mount", "sh", "-euc", script, "within", nixpkgs, debian, ...argv];
  const env = { ...process.env, NIX_CONFIG: nixConfig };
  return execFileSync("unshare", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env }).trim();
}
