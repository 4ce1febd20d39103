import { warning } from "@actions/core";
import { type Beside, beside } from "../beside.ts";
import type { Environment } from "../environment/environment.ts";
import { hasProgram } from "../environment/programs.ts";
import type { CacheInputs } from "../inputs.ts";
import { formatBytes, info } from "../log.ts";
import { currentSystem } from "../nix/releases.ts";
import { type Contents, keptContents } from "../store/kept.ts";
import { readStore } from "../store/store.ts";
import { cacheAbility } from "./ability.ts";
import { bringBack, type CachedStore, type FetchedStore, fetchStore } from "./bring-back.ts";
import { chainKey, keyPrefix } from "./key.ts";
import { cachePolicy } from "./policy.ts";
import { findChain } from "./restore.ts";

/** What the cache did for a job. */
export interface JobCache {
  /** What all keys of this cached store begin with; empty where it is not cached. */
  prefix: string;
  /** Key of the last segment that was found, empty without one. */
  matchedKey: string;
  /** Bytes that were brought back, as they are stored. */
  size: number;
  /** What post needs to save what is new; undefined: nothing is saved. */
  store?: CachedStore;
  /** What the store stands on, oldest first. */
  segments: UsedSegment[];
  /** Nothing was brought back, and nothing was there: the job makes all that it needs. */
  cold?: boolean;
  /** Why it is not brought back, or nothing is saved. */
  why?: string;
}

export interface UsedSegment extends Pick<Contents, "size" | "way" | "from" | "cold"> {
  digest: string;
}

/** Where there is no store to bring back. */
export const noCache: JobCache = { prefix: "", matchedKey: "", size: 0, segments: [] };

/** What is being fetched beside other stages. */
export type Ahead = Beside<FetchedStore | undefined>;

const prefixFor = (podmanVersion: string, name: string): string =>
  keyPrefix({ system: currentSystem(), podmanVersion, driver: "overlay", name });

/**
 * Begins to fetch what `provideStore` will bring back, where podman's version is known before the environment runs.
 * Without the cache, and where there is a store already, nothing is fetched.
 *
 * @param temporary RUNNER_TEMP
 */
export const fetchAhead = (
  { graphRoot, driver }: Pick<Environment, "graphRoot" | "driver">,
  { mode, name, lookupOnly }: CacheInputs,
  podmanVersion: string,
  temporary: string,
): Ahead =>
  beside(async () => {
    if (driver === "vfs" || lookupOnly || !cachePolicy(mode, process.env).read) return undefined;
    const { layers, images } = await readStore(graphRoot);
    if (layers.length > 0 || images.length > 0) return undefined;
    return await fetchStore(graphRoot, prefixFor(podmanVersion, name), temporary);
  });

/**
 * Brings the image store back, as far as the inputs, the event and the token allow.
 *
 * @param temporary RUNNER_TEMP
 * @param ahead of {@link fetchAhead}
 * @throws {Error} when there is none, and the job is to fail then
 */
export async function provideStore(
  environment: Environment,
  inputs: CacheInputs,
  podmanVersion: string,
  temporary: string,
  ahead?: Ahead,
): Promise<JobCache> {
  const cache = await tryProvideStore(environment, inputs, podmanVersion, temporary, ahead);
  if (inputs.failOnMiss && cache.matchedKey === "") {
    const name = cache.prefix === "" ? "" : ` by the name ${cache.prefix}`;
    throw new Error(
      `No cached image store${name} was found. Run a job that saves one first, or set fail-on-cache-miss to false.`,
    );
  }
  return cache;
}

async function tryProvideStore(
  environment: Environment,
  { mode, name, unpack, lookupOnly }: CacheInputs,
  podmanVersion: string,
  temporary: string,
  ahead: Ahead | undefined,
): Promise<JobCache> {
  const { read, write, why } = cachePolicy(mode, process.env);
  if (why !== undefined) info(`The image store is ${read ? "only read" : "not brought back"}: ${why}`);
  const reason = why === undefined ? {} : { why };
  if (!read && !write) return { ...noCache, ...reason };
  const packs =
    (await hasProgram(environment, "mksquashfs")) && (await hasProgram(environment, "unsquashfs"));
  const ability = cacheAbility(podmanVersion, environment.driver, packs);
  if (ability.can === "nothing") {
    warning(`The image store is not cached: ${ability.why}`);
    return { ...noCache, why: ability.why };
  }
  const prefix = prefixFor(podmanVersion, name);
  if (lookupOnly) {
    const { chain } = await findChain(prefix, temporary);
    const matchedKey = chain.length === 0 ? "" : chainKey(prefix, chain);
    return { ...noCache, prefix, matchedKey, why: "lookup-only is true" };
  }
  if (!read) return { ...noCache, prefix, store: { prefix, chain: [], cut: true }, ...reason };

  if (ability.why !== undefined) info(`Segments are unpacked, not mounted: ${ability.why}`);
  const store = await bringBack(environment, prefix, temporary, unpack || ability.can === "unpack", ahead);
  if (store === undefined)
    return {
      ...noCache,
      prefix,
      why: "the store on this machine is of another cache-key, or another podman",
    };
  const segments = await segmentsOf(environment.graphRoot, store);
  const size = segments.reduce((sum, segment) => sum + segment.size, 0);
  if (size > 0) info(`The image store is back: ${formatBytes(size)} in ${store.chain.length} segments`);
  const matchedKey = store.chain.length === 0 ? "" : chainKey(prefix, store.chain);
  const cold = matchedKey === "" && (await readStore(environment.graphRoot)).images.length === 0;
  return { prefix, matchedKey, size, segments, ...(cold && { cold }), ...(write && { store }), ...reason };
}

async function segmentsOf(graphRoot: string, { chain }: CachedStore): Promise<UsedSegment[]> {
  const contents = await Promise.all(chain.map((digest) => keptContents(graphRoot, digest)));
  return contents.map((part, index) => {
    const { store: _, ...rest } = part ?? { store: undefined, size: 0 };
    return { digest: chain[index] ?? "", ...rest };
  });
}
