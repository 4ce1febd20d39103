import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isFeatureAvailable, restoreCache } from "@actions/cache";
import { warning } from "@actions/core";
import { move } from "../files.ts";
import { formatBytes, info, messageOf } from "../log.ts";
import { coldStartFile, parseColdStart } from "../store/cold-start.ts";
import type { Segment } from "../store/segment.ts";
import { chainKey, parseChain } from "./key.ts";
import { ask, lookUp } from "./library.ts";

/** How long a segment may take to come. */
const downloadSeconds = 900;
/** And each part of it, of 128 MB; by itself the library waits ten minutes. */
const stallSeconds = 120;

/**
 * The directory that all entries are made from and unpacked to. Its path is part of an entry's version, so it
 * has to be the same for all; a file in it is named by its digest, so restores side by side do not collide.
 *
 * @param temporary RUNNER_TEMP
 */
export const transitDirectory = (temporary: string): string => join(temporary, "podman-rootless-segments");

/** @param temporary RUNNER_TEMP */
export const clearTransit = (temporary: string): Promise<void> =>
  rm(transitDirectory(temporary), { recursive: true, force: true });

/** What a chain is of. */
export interface Kind {
  /** At the end of its segments' names. */
  suffix: ".squashfs" | ".tar";
  /** Who starts with less where the cache has less, for messages. */
  starts: string;
}
export const imageStore: Kind = { suffix: ".squashfs", starts: "the image store starts" };

export interface FoundChain {
  /** Digests, oldest first; empty when there is no chain that can be used. */
  chain: string[];
  /** There is one, but it cannot be used. */
  cut: boolean;
}

/** Looks for the newest chain in the cache. */
export async function findChain(
  prefix: string,
  temporary: string,
  { starts } = imageStore,
): Promise<FoundChain> {
  if (!isFeatureAvailable()) {
    warning(`No cache service here: ${starts} empty, and nothing is saved`);
    return { chain: [], cut: false };
  }
  const { result: key, fault } = await lookUp(transitDirectory(temporary), prefix, [prefix]);
  if (fault !== undefined) {
    warning(`The cache service does not say what it has: ${fault}; ${starts} empty`);
    return { chain: [], cut: false };
  }
  if (key === undefined) {
    info(`The cache has nothing by the name ${prefix}`);
    return { chain: [], cut: false };
  }
  const chain = parseChain(prefix, key);
  if (chain === undefined) {
    warning(`The cache has the key ${key}, which is not one of this version's; ${starts} empty`);
    return { chain: [], cut: true };
  }
  return { chain, cut: false };
}

/**
 * Fetches the segments of a chain, all at once. A segment that is gone cuts the chain there.
 *
 * @param directory where to put them
 * @returns what could be had, oldest first
 */
export async function fetchChain(
  prefix: string,
  chain: readonly string[],
  temporary: string,
  directory: string,
  { suffix, starts } = imageStore,
): Promise<Segment[]> {
  await mkdir(directory, { recursive: true });
  const fetched = await Promise.all(
    chain.map((digest, index) =>
      fetchSegment(
        chainKey(prefix, chain.slice(0, index + 1)),
        { digest, file: join(directory, `${digest}${suffix}`) },
        temporary,
      ),
    ),
  );
  // What broke off half-way.
  await clearTransit(temporary);
  const missing = fetched.findIndex((segment) => typeof segment === "string");
  if (missing !== -1) {
    warning(`Segment ${chain[missing]} ${fetched[missing]}; ${starts} with what is below it`);
  }
  const whole = missing === -1 ? fetched : fetched.slice(0, missing);
  return whole.filter((segment) => typeof segment !== "string");
}

/** @returns the segment, or why there is none */
async function fetchSegment(
  key: string,
  { digest, file }: Segment,
  temporary: string,
): Promise<Segment | string> {
  // From an earlier job on this machine.
  if (await stat(file).catch(() => undefined)) return { digest, file };
  const lack = await fetchEntry(key, [file], temporary);
  if (lack !== undefined) return lack;
  info(`Segment ${digest}: ${formatBytes((await stat(file)).size)}`);
  const beside = join(transitDirectory(temporary), coldStartFile(digest));
  const cold = parseColdStart(await readFile(beside, "utf8").catch(() => ""));
  return { digest, file, fetched: true, ...(cold && { cold }) };
}

/**
 * Fetches an entry by its exact key.
 *
 * @param files where to put what is in it, by the same names
 * @returns why it cannot be had, or undefined
 */
export async function fetchEntry(
  key: string,
  files: readonly string[],
  temporary: string,
): Promise<string | undefined> {
  const transit = transitDirectory(temporary);
  // For the user alone, as what it will go to.
  await mkdir(transit, { recursive: true, mode: 0o700 });
  const { result: found, fault } = await ask(downloadSeconds, "The download", () =>
    restoreCache([transit], key, [], { segmentTimeoutInMs: stallSeconds * 1000 }),
  );
  if (fault !== undefined) return `cannot be fetched: ${fault}`;
  // The service may answer with a longer key.
  if (found !== key) return absent;
  try {
    // Out of the transit directory, which may hold only the new segment when that is saved.
    for (const file of files) await move(join(transit, basename(file)), file);
    return undefined;
  } catch (error) {
    return `is not in its cache entry (${messageOf(error)})`;
  }
}

/** Why an entry cannot be had that is not there. */
export const absent = "is no longer in the cache";
