import { mkdir } from "node:fs/promises";
import { saveCache } from "@actions/cache";
import { info } from "@actions/core";
import { ask, lookUp, notReserved } from "./library.ts";
import { clearTransit, transitDirectory } from "./restore.ts";

/** The step's own limit, cache-save-timeout, is the one that counts. */
const uploadSeconds = 24 * 60 * 60;

/**
 * Saves one segment, unless the cache has it already: then nothing is packed and nothing uploaded.
 *
 * @param temporary RUNNER_TEMP, as when the chain was brought back
 * @param pack puts the segment, and nothing else, into the directory given
 * @returns whether it was saved, by this job
 * @throws {Error} when the cache service does not take it
 */
export async function upload(
  key: string,
  temporary: string,
  pack: (directory: string) => Promise<void>,
): Promise<boolean> {
  const transit = transitDirectory(temporary);
  const there = await lookUp(transit, key);
  if (there.fault !== undefined) throw new Error(there.fault);
  if (there.result === key) {
    info(`The cache has ${key} already: nothing to save`);
    return false;
  }
  // Only the new segment may be in it.
  await clearTransit(temporary);
  await mkdir(transit, { recursive: true });
  try {
    await pack(transit);
    const { result: id = -1, fault } = await ask(uploadSeconds, "The upload", () =>
      saveCache([transit], key),
    );
    if (id !== -1) {
      info(`Saved ${key}`);
      return true;
    }
    if (!fault?.startsWith(`${notReserved}(409)`))
      throw new Error(fault ?? "the cache service gives no reason");
    // Also for a day after an upload that broke off.
    info(`The cache service has ${key} in hand, of another job: nothing to save`);
    return false;
  } finally {
    await clearTransit(temporary);
  }
}
