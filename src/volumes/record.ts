import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../files.ts";
import type { Listing } from "./listing.ts";

/** How a tree was when it was brought back or saved last. */
export interface CachedState {
  /** Of the keys that it has in the cache. */
  prefix: string;
  /** Digests of the segments that it was made of, oldest first. */
  chain: string[];
  listing: Listing;
}

/**
 * What is known of a cached tree is kept with the store, so that it stays known on a machine that outlives the job;
 * a reset of the store removes it with the volumes.
 */
const fileOf = (graphRoot: string, name: string): string => join(graphRoot, "cached-volumes", `${name}.json`);

/** @returns undefined where nothing is known of it */
export async function readRecord(graphRoot: string, name: string): Promise<CachedState | undefined> {
  try {
    const { listing, ...rest } = JSON.parse(await readFile(fileOf(graphRoot, name), "utf8"));
    return { ...rest, listing: new Map(listing) };
  } catch {
    return undefined;
  }
}

export async function writeRecord(graphRoot: string, name: string, state: CachedState): Promise<void> {
  const file = fileOf(graphRoot, name);
  await mkdir(join(graphRoot, "cached-volumes"), { recursive: true, mode: 0o700 });
  await replaceFile(file, JSON.stringify({ ...state, listing: [...state.listing] }));
}
