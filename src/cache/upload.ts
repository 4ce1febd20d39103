import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { info } from "../log.ts";
import { ask, lookUp, notReserved } from "./library.ts";
import { clearTransit, transitDirectory } from "./restore.ts";

/** The step's own limit, cache-save-timeout, is the one that counts. */
const uploadSeconds = 24 * 60 * 60;

/** What came of saving one part of what a job has. */
export type Saved =
  /** `bytes` of its files. */
  | { key: string; bytes: number }
  /** Why nothing was saved, or not by this job. */
  | { why: string };

/** For the log, too. */
export function notSaved(why: string): Saved {
  info(why);
  return { why };
}

/**
 * Saves one segment, unless the cache has it already: then nothing is packed and nothing uploaded.
 *
 * @param temporary RUNNER_TEMP, as when the chain was brought back
 * @param pack puts the segment, and nothing else, into the directory given
 * @throws {Error} when the cache service does not take it
 */
export async function upload(
  key: string,
  temporary: string,
  pack: (directory: string) => Promise<void>,
): Promise<Saved> {
  const transit = transitDirectory(temporary);
  const there = await lookUp(transit, key);
  if (there.fault !== undefined) throw new Error(there.fault);
  if (there.result === key) return notSaved(`The cache has ${key} already: nothing to save`);
  // Only the new segment may be in it.
  await clearTransit(temporary);
  // Its mode is in the entry, and so also where that is brought back. Other users could read the images of a store else.
  await mkdir(transit, { recursive: true, mode: 0o700 });
  try {
    await pack(transit);
    const bytes = await sizeOf(transit);
    const { result: id = -1, fault } = await ask(uploadSeconds, "The upload", () =>
      saveCache([transit], key),
    );
    if (id !== -1) {
      info(`Saved ${key}`);
      return { key, bytes };
    }
    if (!fault?.startsWith(`${notReserved}(409)`))
      throw new Error(fault ?? "the cache service gives no reason");
    // Also for a day after an upload that broke off.
    return notSaved(`The cache service has ${key} in hand, of another job: nothing to save`);
  } finally {
    await clearTransit(temporary);
  }
}

async function sizeOf(directory: string): Promise<number> {
  const files = await Promise.all((await readdir(directory)).map((name) => stat(join(directory, name))));
  return files.reduce((sum, { size }) => sum + size, 0);
}
