import { warning } from "@actions/core";
import { cachePolicy } from "../cache/policy.ts";
import { clearTransit } from "../cache/restore.ts";
import type { Saved } from "../cache/upload.ts";
import { within } from "../deadline.ts";
import type { Environment } from "../environment/environment.ts";
import type { CacheInputs } from "../inputs.ts";
import { info, messageOf } from "../log.ts";
import { currentSystem } from "../nix/releases.ts";
import type { Place } from "../place.ts";
import { bringBack, type CachedTree } from "./restore.ts";
import { save } from "./save.ts";
import { titleOf, treesOf } from "./tree.ts";

/** Whether a step wants cache mounts or volumes to be cached. */
export const wantsVolumes = ({ cacheMounts, cacheVolumes }: CacheInputs): boolean =>
  cacheMounts || cacheVolumes.length > 0;

/**
 * Brings cache mounts and volumes back, as far as the inputs, the event and the token allow. One at a time: all of
 * the cache's entries go through one directory.
 *
 * @param temporary RUNNER_TEMP
 * @returns what post may save
 */
export async function provideVolumes(
  environment: Environment,
  inputs: CacheInputs,
  podmanVersion: string,
  temporary: string,
): Promise<CachedTree[]> {
  const { read, write, why } = cachePolicy(inputs.mode, process.env);
  if (why !== undefined) info(`Volumes are ${read ? "only read" : "not brought back"}: ${why}`);
  if (inputs.lookupOnly) return [];
  const cached: CachedTree[] = [];
  for (const tree of treesOf({ ...inputs, system: currentSystem(), podmanVersion })) {
    if (read) cached.push(await bringBack(environment, tree, temporary));
    else cached.push({ ...tree, chain: [], cut: true });
  }
  return write ? cached : [];
}

/**
 * Saves what has changed in them, one after the other; each may use what is left of the time.
 *
 * @param seconds that are left
 * @returns what came of each, with its title
 */
export async function saveVolumes(
  environment: Environment,
  trees: readonly CachedTree[],
  { limit }: CacheInputs,
  { temporary, run }: Place,
  seconds: number,
): Promise<(Saved & { what: string })[]> {
  const parts: (Saved & { what: string })[] = [];
  const end = performance.now() + seconds * 1000;
  for (const tree of trees) {
    const left = Math.max(0, Math.floor((end - performance.now()) / 1000));
    try {
      // What is late still uses the directory that all entries go through.
      if (left === 0) throw new Error("no time is left of cache-save-timeout");
      const saving = save(environment, tree, { limit, seconds: left, run }, temporary);
      const saved = await within(left, "Saving", saving).finally(() => clearTransit(temporary));
      parts.push({ what: titleOf(tree), ...saved });
    } catch (error) {
      warning(`The ${titleOf(tree)} are not saved: ${messageOf(error)}`);
      parts.push({ what: titleOf(tree), why: messageOf(error) });
    }
  }
  return parts;
}
