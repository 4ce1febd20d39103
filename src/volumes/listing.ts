import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, inside } from "../environment/environment.ts";

/** An entry of a tree, as a packed one would be brought back. */
export interface Entry {
  /** As find(1) has it: f, d, l and so on. */
  type: string;
  /** What is kept of it: mode, ids, size, time of change, target; of a directory only mode and ids. */
  state: string;
  /**
   * When anything of it was changed (ctime): nobody can set that back, so it also tells of changes that `state` does
   * not show, such as extended attributes.
   */
  changed: string;
  /** Of a file; 0 for all else. */
  bytes: number;
}

/** The entries of a tree by their paths below its root; the root's is empty. Bytes of names are letters (latin1). */
export type Listing = Map<string, Entry>;

/**
 * Lists a tree as the environment sees it. Sockets are left out, for nobody listens on them any more, and what is
 * mounted below the root.
 *
 * @param directory for a file in between: names may be of any bytes
 * @returns undefined where there is no directory
 */
export async function list(
  environment: Environment,
  root: string,
  directory: string,
): Promise<Listing | undefined> {
  if ((await inside(environment, "find", [root, "-maxdepth", "0", "-type", "d"]).catch(() => "")) === "")
    return undefined;
  const file = join(directory, "listing");
  try {
    const format = "%y %m %U %G %s %T@ %C@ %l\\0%P\\0";
    await inside(environment, "find", [
      ...[root, "-ignore_readdir_race", "-xdev", "!", "-type", "s"],
      ...["-fprintf", file, format],
    ]);
    return parseListing(await readFile(file, "latin1"));
  } finally {
    await rm(file, { force: true });
  }
}

/** @param text "TYPE MODE UID GID SIZE MTIME CTIME TARGET" and a path, each ended by a NUL */
export function parseListing(text: string): Listing {
  const fields = text.split("\0");
  const listing: Listing = new Map();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [type = "", mode, uid, gid, size, modified, changed = "", ...target] = (fields[index] ?? "").split(
      " ",
    );
    const state = [mode, uid, gid, ...(type === "d" ? [] : [size, modified, ...target])];
    const bytes = type === "f" ? Number(size) : 0;
    listing.set(fields[index + 1] ?? "", { type, state: state.join(" ").trimEnd(), changed, bytes });
  }
  return listing;
}

/** What turns one tree into another. */
export interface Difference {
  /** Paths to pack, in order. */
  packed: string[];
  /** Paths that are no longer there, or are of another type now, parents first. */
  removed: string[];
  /** Of the files to pack. */
  bytes: number;
}

/** @returns undefined for trees that are equal; that directories only had entries for a while makes no difference */
export function difference(before: Listing, now: Listing): Difference | undefined {
  const removed = [...before]
    .filter(([path, { type }]) => now.get(path)?.type !== type)
    .map(([path]) => path);
  const isNew = (path: string, { type, state, changed }: Entry) => {
    const old = before.get(path);
    return old?.type !== type || old.state !== state || (type !== "d" && old.changed !== changed);
  };
  const differs = [...now].some(([path, entry]) => isNew(path, entry));
  if (!differs && removed.length === 0) return undefined;
  // Directories whose entries have changed come along for their times.
  const packed = [...now].filter(
    ([path, entry]) => isNew(path, entry) || before.get(path)?.changed !== entry.changed,
  );
  return {
    packed: packed.map(([path]) => path),
    removed: removed.sort(),
    bytes: packed.reduce((sum, [, { bytes }]) => sum + bytes, 0),
  };
}

/** Bytes of all files. */
export const bytesOf = (listing: Listing): number =>
  [...listing.values()].reduce((sum, { bytes }) => sum + bytes, 0);

/** Whether there is nothing in the tree. */
export const isEmpty = (listing: Listing): boolean => [...listing.keys()].every((path) => path === "");
