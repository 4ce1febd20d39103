import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ColdStart } from "./cold-start.ts";
import type { Segment } from "./segment.ts";
import type { Store } from "./store.ts";

/**
 * What is kept of the segments that a store stands on, with it in its graph root: on a machine that outlives the
 * job, images and containers in the writable part are worthless without them. podman leaves the directory alone,
 * and removes it with the rest when the store is reset.
 *
 * `chain.json` says which they are; of each there is `DIGEST.json`, its contents, and `DIGEST.squashfs`, unless it
 * was unpacked.
 */
export const segmentsDirectory = (graphRoot: string): string => join(graphRoot, "segments");

/** What an earlier job on this machine brought back into a store that is still there. */
export interface KeptChain {
  /** Of the cache keys that it was found by. */
  prefix: string;
  /** Digests, oldest first. */
  chain: string[];
  /** Those of them that are unpacked into the store, and so not to be mounted. */
  unpacked: string[];
}

/** What a segment holds. */
export interface Contents {
  store: Store;
  /** Bytes of the archive. */
  size: number;
  /** How it is part of the store. */
  way?: Way;
  /** Where this job had it from. */
  from?: "cache" | "machine";
  /** As {@link Segment.cold}. */
  cold?: ColdStart;
}

/** Mounted by one of two, or copied into the store. */
export type Way = "kernel" | "squashfuse" | "unpacked";

const listOf = (graphRoot: string): string => join(segmentsDirectory(graphRoot), "chain.json");
const contentsOf = (graphRoot: string, digest: string): string =>
  join(segmentsDirectory(graphRoot), `${digest}.json`);

export async function readKept(graphRoot: string): Promise<KeptChain | undefined> {
  const text = await readFile(listOf(graphRoot), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as KeptChain);
}

/** Says which segments are those of the store now, and removes the files of others. */
export async function keep(graphRoot: string, kept: KeptChain): Promise<void> {
  const directory = segmentsDirectory(graphRoot);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(listOf(graphRoot), JSON.stringify(kept));
  const files = new Set([
    "chain.json",
    ...kept.chain.map((digest) => `${digest}.json`),
    ...kept.chain.filter((digest) => !kept.unpacked.includes(digest)).map((digest) => `${digest}.squashfs`),
  ]);
  for (const name of await readdir(directory)) {
    if (!files.has(name)) await rm(join(directory, name), { force: true });
  }
}

export const keptSegments = (graphRoot: string, { chain }: KeptChain): Segment[] =>
  chain.map((digest) => ({ digest, file: join(segmentsDirectory(graphRoot), `${digest}.squashfs`) }));

export async function keepContents(graphRoot: string, digest: string, contents: Contents): Promise<void> {
  await mkdir(segmentsDirectory(graphRoot), { recursive: true, mode: 0o700 });
  await writeFile(contentsOf(graphRoot, digest), JSON.stringify(contents));
}

/** What a segment holds, or undefined where that is no longer known, as after a reset of the store. */
export async function keptContents(graphRoot: string, digest: string): Promise<Contents | undefined> {
  const text = await readFile(contentsOf(graphRoot, digest), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Contents);
}
