import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Segment } from "./segment.ts";

/**
 * The segments that a store stands on are kept with it, in its graph root: on a machine that outlives the job,
 * images and containers in the writable part are worthless without them. podman leaves the directory alone,
 * and removes it with the rest when the store is reset.
 */
export const segmentsDirectory = (graphRoot: string): string => join(graphRoot, "segments");

/** What an earlier job on this machine brought back into a store that is still there. */
export interface KeptChain {
  /** Of the cache keys that it was found by. */
  prefix: string;
  /** Digests, oldest first. */
  chain: string[];
}

const listOf = (graphRoot: string): string => join(segmentsDirectory(graphRoot), "chain.json");

export async function readKept(graphRoot: string): Promise<KeptChain | undefined> {
  const text = await readFile(listOf(graphRoot), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as KeptChain);
}

/** Says which segments are those of the store now, and removes the files of others. */
export async function keep(graphRoot: string, kept: KeptChain): Promise<void> {
  const directory = segmentsDirectory(graphRoot);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(listOf(graphRoot), JSON.stringify(kept));
  const files = new Set(kept.chain.map((digest) => `${digest}.squashfs`));
  for (const name of await readdir(directory)) {
    if (name !== "chain.json" && !files.has(name)) await rm(join(directory, name), { force: true });
  }
}

export const keptSegments = (graphRoot: string, { chain }: KeptChain): Segment[] =>
  chain.map((digest) => ({ digest, file: join(segmentsDirectory(graphRoot), `${digest}.squashfs`) }));

/** Moves a file, to another file system if need be. */
export async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    // Under another name until it is whole.
    await copyFile(from, `${to}.part`);
    await rename(`${to}.part`, to);
    await rm(from);
  }
}
