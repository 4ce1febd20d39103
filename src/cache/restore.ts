import { mkdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isFeatureAvailable, restoreCache } from "@actions/cache";
import { info, warning } from "@actions/core";
import { within } from "../deadline.ts";
import { formatBytes } from "../log.ts";
import { move } from "../store/kept.ts";
import type { Segment } from "../store/segment.ts";
import { chainKey, parseChain } from "./key.ts";

/** The library asks five times, over half a minute, and by itself waits for minutes each time. */
export const answerSeconds = 45;

/**
 * The directory that all entries are made from and unpacked to. Its path is part of an entry's version, so it
 * has to be the same for all; a file in it is named by its digest, so restores side by side do not collide.
 *
 * @param temporary RUNNER_TEMP
 */
export const transitDirectory = (temporary: string): string => join(temporary, "podman-rootless-segments");

export interface FoundChain {
  /** Digests, oldest first; empty when there is no chain that can be used. */
  chain: string[];
  /** There is one, but it cannot be used. */
  cut: boolean;
}

/** Looks for the newest chain in the cache. */
export async function findChain(prefix: string, temporary: string): Promise<FoundChain> {
  if (!isFeatureAvailable()) {
    warning("No cache service here: the image store starts empty and is not saved");
    return { chain: [], cut: false };
  }
  const key = await within(
    answerSeconds,
    "The cache service's answer",
    restoreCache([transitDirectory(temporary)], prefix, [prefix], { lookupOnly: true }),
  );
  if (key === undefined) {
    info(`No cached image store by the name ${prefix}`);
    return { chain: [], cut: false };
  }
  const chain = parseChain(prefix, key);
  if (chain === undefined) {
    warning(`The cache has the key ${key}, which is not one of this version's; starting with an empty store`);
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
): Promise<Segment[]> {
  await mkdir(directory, { recursive: true });
  const fetched = await Promise.all(
    chain.map((digest, index) =>
      fetchSegment(chainKey(prefix, chain.slice(0, index + 1)), digest, temporary, directory),
    ),
  );
  // What broke off half-way.
  await rm(transitDirectory(temporary), { recursive: true, force: true });
  const missing = fetched.indexOf(undefined);
  if (missing !== -1) {
    warning(
      `Segment ${chain[missing]} is no longer in the cache; the image store starts with what is below it`,
    );
  }
  const whole = missing === -1 ? fetched : fetched.slice(0, missing);
  return whole.filter((segment) => segment !== undefined);
}

async function fetchSegment(
  key: string,
  digest: string,
  temporary: string,
  directory: string,
): Promise<Segment | undefined> {
  const transit = transitDirectory(temporary);
  const file = join(directory, `${digest}.squashfs`);
  // From an earlier job on this machine.
  if (await stat(file).catch(() => undefined)) return { digest, file };
  // The library logs what goes wrong, and returns nothing.
  const found = await restoreCache([transit], key).catch((error: unknown) => void warning(String(error)));
  if (found !== key) return undefined;
  try {
    // Out of the transit directory, which may hold only the new segment when that is saved.
    await move(join(transit, basename(file)), file);
    info(`Segment ${digest}: ${formatBytes((await stat(file)).size)}`);
    return { digest, file };
  } catch (error) {
    warning(`The cache entry ${key} does not hold its segment: ${String(error)}`);
    return undefined;
  }
}
