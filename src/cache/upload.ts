import { mkdir, rm } from "node:fs/promises";
import { restoreCache, saveCache } from "@actions/cache";
import { info } from "@actions/core";
import { within } from "../deadline.ts";
import { answerSeconds, transitDirectory } from "./restore.ts";

/**
 * Saves one segment, unless the cache has it already: then nothing is packed and nothing uploaded.
 *
 * @param temporary RUNNER_TEMP, as when the chain was brought back
 * @param pack puts the segment, and nothing else, into the directory given
 * @returns whether it was saved
 */
export async function upload(
  key: string,
  temporary: string,
  pack: (directory: string) => Promise<void>,
): Promise<boolean> {
  const transit = transitDirectory(temporary);
  const lookup = restoreCache([transit], key, [], { lookupOnly: true });
  if ((await within(answerSeconds, "The cache service's answer", lookup)) === key) {
    info(`The cache has ${key} already: nothing to save`);
    return false;
  }
  // Only the new segment may be in it.
  await clearTransit(temporary);
  await mkdir(transit, { recursive: true });
  try {
    await pack(transit);
    // -1 is the library's word for a failure that it has logged.
    const saved = (await saveCache([transit], key)) !== -1;
    if (saved) info(`Saved ${key}`);
    return saved;
  } finally {
    await clearTransit(temporary);
  }
}

/** @param temporary RUNNER_TEMP */
export const clearTransit = (temporary: string): Promise<void> =>
  rm(transitDirectory(temporary), { recursive: true, force: true });
