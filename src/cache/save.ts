import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isFeatureAvailable } from "@actions/cache";
import { warning } from "@actions/core";
import type { Environment } from "../environment/environment.ts";
import { formatBytes, info } from "../log.ts";
import { type ColdStart, coldStartFile } from "../store/cold-start.ts";
import { readEvents } from "../store/events.ts";
import { type Contents, keptContents, readKept } from "../store/kept.ts";
import { type Choice, liveStore, partIn } from "../store/live.ts";
import { mountpointOf } from "../store/mount.ts";
import { namesMatching } from "../store/patterns.ts";
import { pack, readMounted, storeDigest } from "../store/segment.ts";
import { joinedSource, type Part, type Source, writableSource } from "../store/source.ts";
import { addedTo, joined, readStore, type Store } from "../store/store.ts";
import type { CachedStore } from "./bring-back.ts";
import { compactionReason } from "./compaction.ts";
import { chainKey } from "./key.ts";
import { notSaved, type Saved, upload } from "./upload.ts";

export interface SaveSettings {
  /** Patterns of the names of images to keep; see {@link namesMatching}. */
  images: readonly string[];
  /** Bytes that the segments of a chain may take together. */
  limit: number;
  /** Ids of images that the job asked for by the input `images`, of which podman may not know that it used them. */
  named: readonly string[];
  /** Seconds that saving may take. */
  saveSeconds: number;
  /** Of this job, where it found no cached store. */
  cold?: ColdStart | undefined;
}

/** A segment to be saved. */
interface Next {
  key: string;
  digest: string;
  store: Store;
  /** Goes with the segment. */
  cold: ColdStart | undefined;
  /** Its files, and what makes an end of them. */
  source: (directory: string) => Promise<Source & { release?: () => Promise<void> }>;
}

/**
 * Saves what the job added to its image store as the next segment of the chain, or where the chain has become too long
 * or too large, all that is worth keeping as the first of a new one. Nothing is packed or uploaded when nothing was
 * added, or when a job before has saved the same.
 *
 * @param temporary RUNNER_TEMP, as when the chain was brought back
 * @param run number of this workflow run, unlike any before
 */
export async function saveStore(
  environment: Environment,
  cached: CachedStore,
  settings: SaveSettings,
  temporary: string,
  run: string,
): Promise<Saved> {
  if (!isFeatureAvailable()) {
    warning("No cache service here: the image store is not saved");
    return { why: "No cache service here" };
  }
  const next = await nextSegment(environment, cached, settings, run);
  if (next === undefined) return notSaved("No new images: nothing to save");
  const { key, digest, store, cold } = next;
  return await upload(key, temporary, async (directory) => {
    const source = await next.source(directory);
    try {
      const size = await pack(environment, digest, store, source, directory, settings.saveSeconds);
      info(
        `Packed ${store.images.length} images and ${store.layers.length} layers into ${formatBytes(size)}`,
      );
      if (size > settings.limit) throw new Error(tooLarge(size, settings.limit));
      if (cold !== undefined) await writeFile(join(directory, coldStartFile(digest)), JSON.stringify(cold));
    } finally {
      await source.release?.();
    }
  });
}

const tooLarge = (size: number, limit: number): string =>
  `they take ${formatBytes(size)}, more than cache-max-size (${formatBytes(limit)}); leave some out with cache-images`;

async function nextSegment(
  environment: Environment,
  cached: CachedStore,
  settings: SaveSettings,
  run: string,
): Promise<Next | undefined> {
  const { graphRoot } = environment;
  const { chain, cut, below } = await segmentsOf(environment, cached);
  const { store: added, broken } = addedTo(
    below.map(({ store }) => store),
    await readStore(graphRoot),
  );
  for (const id of broken) warning(`Image ${id} is not saved: a layer that it stands on is missing`);
  if (added.images.length === 0) return undefined;
  const choice = await choiceOf(environment, added, settings);
  const parts = [...below.map(({ store }) => store), added];
  const whole = joined(parts);
  let live = liveStore(whole, choice);
  const delta = partIn(live, added);
  if (delta.images.length === 0) return undefined;

  const { limit } = settings;
  const cold = settings.cold ?? below.findLast((part) => part.cold !== undefined)?.cold;
  const size = below.reduce((sum, part) => sum + part.size, 0);
  const reason = compactionReason({ parts: [...parts.slice(0, -1), delta], live, size, limit });
  if (reason === undefined) {
    const digest = storeDigest(delta, cut ? run : "");
    const key = chainKey(cached.prefix, [...chain, digest]);
    return { key, digest, store: delta, cold, source: () => writableSource(graphRoot, delta) };
  }
  info(`The chain is made anew: ${reason}`);
  if (size > limit) live = liveStore(whole, { ...choice, onlyUsed: true });
  // Two jobs that make the same chain anew make the same, and one that was made before is not taken for it.
  const digest = storeDigest(live, [...chain, ...(cut ? [run] : [])].join("."));
  const roots = await rootsOf(environment, chain);
  const sources: Part[] = [...roots, graphRoot].map((root, index) => ({
    root,
    store: parts[index] ?? { layers: [], images: [] },
  }));
  return {
    key: chainKey(cached.prefix, [digest]),
    digest,
    store: live,
    cold,
    source: (directory) => joinedSource(environment, sources, live, directory),
  };
}

/** What the segments hold that the store stands on. */
async function segmentsOf(
  environment: Environment,
  { chain, cut }: CachedStore,
): Promise<{ chain: readonly string[]; cut: boolean; below: Contents[] }> {
  const contents = await Promise.all(chain.map((digest) => contentsOf(environment, digest)));
  const below = contents.filter((part) => part !== undefined);
  // A store that was reset since, and had its segments unpacked, stands on nothing.
  return below.length < chain.length ? { chain: [], cut: true, below: [] } : { chain, cut, below };
}

async function contentsOf(environment: Environment, digest: string): Promise<Contents | undefined> {
  const kept = await keptContents(environment.graphRoot, digest);
  if (kept !== undefined) return kept;
  // A reset takes what was kept, but not the mounts: podman goes on to build on them.
  const store = await readMounted(environment, digest);
  return store && { store, size: 0 };
}

/** Where the environment has the files of a chain's segments. */
async function rootsOf({ graphRoot }: Environment, chain: readonly string[]): Promise<string[]> {
  const unpacked = (await readKept(graphRoot))?.unpacked ?? [];
  return chain.map((digest) => (unpacked.includes(digest) ? graphRoot : mountpointOf(digest)));
}

async function choiceOf(
  environment: Environment,
  added: Store,
  { images, named }: SaveSettings,
): Promise<Choice> {
  const { builds, used } = await readEvents(environment);
  const ids = new Set(added.images.map(({ id }) => id));
  return {
    wanted: namesMatching(images),
    builds,
    used: new Set([...used, ...named]),
    added: ids,
    onlyUsed: false,
  };
}
