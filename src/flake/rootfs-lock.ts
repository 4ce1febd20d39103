import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../log.ts";
import type { System } from "../nix/releases.ts";
import { flakeDigest, lockName } from "./digest.ts";
import type { TreeText } from "./tree-text.ts";

/** What nix/rootfs.lock.json says: of what our flake's rootfs is made, so that it need not be evaluated. */
export interface RootfsLock {
  version: typeof lockVersion;
  /** By `flakeDigest`, of the flake that it is true of. */
  flake: string;
  systems: Partial<Record<System, LockedRootfs>>;
}

export const lockVersion = 1;

export interface LockedRootfs {
  /** Store path of the rootfs. */
  rootfs: string;
  /** Store paths that binary caches have, sorted: what the trees refer to. */
  parts: string[];
  /** Store paths that no binary cache has, each after those that it refers to; the rootfs is the last. */
  trees: LockedTree[];
}

export interface LockedTree {
  path: string;
  /** Such as "sha256-u0p...=". */
  narHash: string;
  /** Store paths, sorted. */
  references: string[];
  tree: TreeText;
}

/**
 * What the lock file of a checkout says of a system; undefined where there is no lock file.
 *
 * @param action absolute path of the checkout
 * @throws {Error} when what it says cannot be used, with the reason
 */
export async function readRootfsLock(action: string, system: System): Promise<LockedRootfs | undefined> {
  const text = await readFile(join(action, lockName), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const lock = parseLock(text);
  if (lock.flake !== (await flakeDigest(action)))
    throw new Error(`${lockName} is of another flake.nix, flake.lock or nix/`);
  const locked = lock.systems[system];
  if (locked === undefined) throw new Error(`${lockName} has nothing for ${system}`);
  if (!isLockedRootfs(locked)) throw new Error(`${lockName} is damaged: of ${system}`);
  return locked;
}

function parseLock(text: string): RootfsLock {
  let lock: Partial<RootfsLock> | null;
  try {
    lock = JSON.parse(text) as Partial<RootfsLock> | null;
  } catch (error) {
    throw new Error(`${lockName} is damaged: ${messageOf(error)}`);
  }
  if (lock?.version !== lockVersion) throw new Error(`${lockName} is not of version ${lockVersion}`);
  if (typeof lock.flake !== "string" || typeof lock.systems !== "object" || lock.systems === null)
    throw new Error(`${lockName} is damaged: no flake or no systems`);
  return lock as RootfsLock;
}

/** The trees' contents are checked by their hashes. */
function isLockedRootfs({ rootfs, parts, trees }: Partial<LockedRootfs>): boolean {
  return (
    areStorePaths(parts) &&
    Array.isArray(trees) &&
    trees.every(
      (tree: Partial<LockedTree> | null) =>
        areStorePaths([tree?.path]) &&
        areStorePaths(tree?.references) &&
        typeof tree?.narHash === "string" &&
        typeof tree.tree === "object" &&
        tree.tree !== null,
    ) &&
    trees.at(-1)?.path === rootfs
  );
}

/** They become arguments of programs. */
const areStorePaths = (paths: unknown): boolean =>
  Array.isArray(paths) &&
  paths.every((path) => typeof path === "string" && /^\/nix\/store\/[0-9a-z]{32}-[\w.+?=-]+$/.test(path));
