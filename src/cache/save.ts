import { mkdir, rm } from "node:fs/promises";
import { isFeatureAvailable, restoreCache, saveCache } from "@actions/cache";
import { info, warning } from "@actions/core";
import type { Environment } from "../environment/environment.ts";
import { formatBytes } from "../log.ts";
import { newInStore, pack } from "../store/segment.ts";
import { chainKey } from "./key.ts";
import { transitDirectory } from "./restore.ts";

/**
 * Saves what the job added to its image store as the next segment of the chain. Nothing is packed or uploaded
 * when nothing was added, or when a job before has saved the same.
 *
 * @param chain digests of the segments that were brought back, oldest first
 * @param temporary RUNNER_TEMP, as when they were
 */
export async function saveStore(
  environment: Environment,
  { prefix, chain }: { prefix: string; chain: readonly string[] },
  temporary: string,
): Promise<void> {
  if (!isFeatureAvailable()) return warning("No cache service here: the image store is not saved");
  const added = await newInStore(environment.graphRoot);
  if (added === undefined) return info("No new images or layers: nothing to save");
  const key = chainKey(prefix, [...chain, added.digest]);
  const transit = transitDirectory(temporary);
  if ((await restoreCache([transit], key, [], { lookupOnly: true })) === key) {
    return info(`The cache has ${key} already: nothing to save`);
  }
  // Only the new segment may be in it.
  await rm(transit, { recursive: true, force: true });
  await mkdir(transit, { recursive: true });
  try {
    const { size, images, layers } = await pack(environment, added, transit);
    info(`Packed ${images} images and ${layers} layers into ${formatBytes(size)}`);
    // -1 is the library's word for a failure that it has logged.
    if ((await saveCache([transit], key)) !== -1) info(`Saved ${key}`);
  } finally {
    await rm(transit, { recursive: true, force: true });
  }
}
