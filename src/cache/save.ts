import { mkdir, rm } from "node:fs/promises";
import { isFeatureAvailable, restoreCache, saveCache } from "@actions/cache";
import { info, warning } from "@actions/core";
import type { Environment } from "../environment/environment.ts";
import { formatBytes } from "../log.ts";
import { readSegment } from "../store/mount.ts";
import { pack, storeDigest } from "../store/segment.ts";
import { addedTo, readStore, type Store } from "../store/store.ts";
import type { CachedStore } from "./bring-back.ts";
import { chainKey } from "./key.ts";
import { transitDirectory } from "./restore.ts";

/**
 * Saves what the job added to its image store as the next segment of the chain. Nothing is packed or uploaded
 * when nothing was added, or when a job before has saved the same.
 *
 * @param temporary RUNNER_TEMP, as when the chain was brought back
 * @param run number of this workflow run, unlike any before
 */
export async function saveStore(
  environment: Environment,
  { prefix, chain, cut }: CachedStore,
  temporary: string,
  run: string,
): Promise<void> {
  if (!isFeatureAvailable()) return warning("No cache service here: the image store is not saved");
  const added = await newImages(environment, chain);
  if (added.images.length === 0) return info("No new images: nothing to save");
  const digest = storeDigest(added, cut ? run : "");
  const key = chainKey(prefix, [...chain, digest]);
  const transit = transitDirectory(temporary);
  if ((await restoreCache([transit], key, [], { lookupOnly: true })) === key) {
    return info(`The cache has ${key} already: nothing to save`);
  }
  // Only the new segment may be in it.
  await rm(transit, { recursive: true, force: true });
  await mkdir(transit, { recursive: true });
  try {
    const { size } = await pack(environment, digest, added, transit);
    info(`Packed ${added.images.length} images and ${added.layers.length} layers into ${formatBytes(size)}`);
    // -1 is the library's word for a failure that it has logged.
    if ((await saveCache([transit], key)) !== -1) info(`Saved ${key}`);
  } finally {
    await rm(transit, { recursive: true, force: true });
  }
}

/** What the writable store has that the mounted segments have not. */
async function newImages(environment: Environment, chain: readonly string[]): Promise<Store> {
  const below = await Promise.all(chain.map((digest) => readSegment(environment, digest)));
  const { store, broken } = addedTo(below, await readStore(environment.graphRoot));
  for (const id of broken) warning(`Image ${id} is not saved: a layer that it stands on is missing`);
  return store;
}
