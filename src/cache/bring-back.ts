import { warning } from "@actions/core";
import type { Beside } from "../beside.ts";
import type { Environment } from "../environment/environment.ts";
import { info, messageOf } from "../log.ts";
import { attach, reattach } from "../store/attach.ts";
import { keep, readKept, segmentsDirectory } from "../store/kept.ts";
import type { Segment } from "../store/segment.ts";
import { readStore } from "../store/store.ts";
import { type FoundChain, fetchChain, findChain } from "./restore.ts";

/** A store's place in the cache, as post needs it to save what is new. */
export interface CachedStore {
  prefix: string;
  /** Digests of the segments that are in the store, oldest first. */
  chain: string[];
  /**
   * Not all that the cache has could be used: what is saved next has to be newer than it, even where a job
   * before has saved the same.
   */
  cut: boolean;
}

/** A chain of segments, and those of them that could be had. */
export interface FetchedStore {
  found: FoundChain;
  segments: Segment[];
}

/** Fetches the newest chain, for which no environment has to run yet. */
export async function fetchStore(
  graphRoot: string,
  prefix: string,
  temporary: string,
): Promise<FetchedStore> {
  const found = await findChain(prefix, temporary);
  const { chain } = found;
  const directory = segmentsDirectory(graphRoot);
  const segments = chain.length === 0 ? [] : await fetchChain(prefix, chain, temporary, directory);
  return { found, segments };
}

/**
 * Brings the image store back from the cache, where there is one. A fault of the cache is a warning and an
 * empty store, never an error.
 *
 * @param temporary RUNNER_TEMP
 * @param unpack what is brought back, instead of mounting it
 * @param ahead what is fetched already, or about to be
 */
export async function bringBack(
  environment: Environment,
  prefix: string,
  temporary: string,
  unpack: boolean,
  ahead?: Beside<FetchedStore | undefined>,
): Promise<CachedStore | undefined> {
  try {
    return await tryBringBack(environment, prefix, temporary, unpack, ahead);
  } catch (error) {
    warning(`The image store starts empty: ${messageOf(error)}`);
    return { prefix, chain: [], cut: true };
  }
}

async function tryBringBack(
  environment: Environment,
  prefix: string,
  temporary: string,
  unpack: boolean,
  ahead: Beside<FetchedStore | undefined> | undefined,
): Promise<CachedStore | undefined> {
  const { graphRoot } = environment;
  const { layers, images } = await readStore(graphRoot);
  if (layers.length > 0 || images.length > 0) return await reuse(environment, prefix, images.length);

  const { found, segments } = (await ahead?.join()) ?? (await fetchStore(graphRoot, prefix, temporary));
  if (found.chain.length === 0) {
    info("The image store starts empty");
    return { prefix, chain: [], cut: found.cut };
  }
  const attached = await attach(environment, segments, unpack);
  await keep(graphRoot, { prefix, ...attached });
  const { chain } = attached;
  if (chain.length < found.chain.length)
    info(`${chain.length} of ${found.chain.length} segments are in the store`);
  return { prefix, chain, cut: chain.length < found.chain.length };
}

/** A store that is still there from an earlier job on this machine, with the segments it stands on. */
async function reuse(
  environment: Environment,
  prefix: string,
  images: number,
): Promise<CachedStore | undefined> {
  const { graphRoot } = environment;
  info(`The image store ${graphRoot} has ${images} images of its own; it stays as it is`);
  const kept = await readKept(graphRoot);
  if (kept === undefined) return { prefix, chain: [], cut: false };
  const { chain } = await reattach(environment, kept);
  if (kept.prefix === prefix) return { prefix, chain, cut: chain.length < kept.chain.length };
  info(`It was cached by another name (${kept.prefix}); nothing of this job is saved`);
  return undefined;
}
