import { AsyncLocalStorage } from "node:async_hooks";
import { restoreCache } from "@actions/cache";
import { isDebug } from "@actions/core";
import { within } from "../deadline.ts";
import { messageOf } from "../log.ts";

/** The library asks five times, over half a minute; of a service that is silent it waits a quarter of an hour. */
const answerSeconds = 45;

/** What came of a call of @actions/cache. */
export interface Answer<T> {
  /** What the library returned; undefined also when it threw, or was not waited for any longer. */
  result: T | undefined;
  /** What went wrong, in one line; undefined when nothing did. */
  fault: string | undefined;
}

/**
 * Calls @actions/cache. It says what goes wrong in the log alone, in two or three warnings or in none, and returns what it
 * returns when there is nothing. Its complaints are heard here instead of shown, so that the caller can say in one line
 * what happened and what that means.
 *
 * @param what is called, for the words of a fault, such as "The cache's answer"
 */
export async function ask<T>(seconds: number, what: string, call: () => Promise<T>): Promise<Answer<T>> {
  listen();
  const complaints: Complaint[] = [];
  try {
    const result = await within(seconds, what, listening.run(complaints, call));
    return { result, fault: complaints.findLast(({ passed }) => !passed)?.text };
  } catch (error) {
    const last = complaints.at(-1)?.text;
    return { result: undefined, fault: `${messageOf(error)}${last === undefined ? "" : ` (${last})`}` };
  }
}

/**
 * Asks which key the cache has.
 *
 * @param path the entries' own
 * @param key exact, or the beginning of the newest one's where it is among `prefixes` too
 */
export const lookUp = (
  path: string,
  key: string,
  prefixes: string[] = [],
): Promise<Answer<string | undefined>> =>
  ask(answerSeconds, "The cache service's answer", () =>
    restoreCache([path], key, prefixes, { lookupOnly: true }),
  );

interface Complaint {
  text: string;
  /** It is to be tried again. */
  passed: boolean;
}

// A call's complaints are known by the asynchronous context: calls run side by side.
const listening = new AsyncLocalStorage<Complaint[]>();
let listener: typeof process.stdout.write | undefined;

function listen(): void {
  if (process.stdout.write === listener) return;
  const write = process.stdout.write.bind(process.stdout) as (...args: unknown[]) => boolean;
  listener = ((chunk: unknown, ...rest: unknown[]) => {
    const heard = listening.getStore();
    if (heard !== undefined && isRoutine(String(chunk)))
      return isDebug() ? write(`::debug::${chunk}`, ...rest) : true;
    const complaint = heard && complaintIn(String(chunk));
    // What tar says of an archive has the names in it; the library itself has no commands of this form.
    if (complaint === undefined) return write(heard ? withoutMarks(chunk) : chunk, ...rest);
    if (complaint.text !== "") heard?.push(complaint);
    return complaint.passed ? write(chunk, ...rest) : true;
  }) as typeof process.stdout.write;
  process.stdout.write = listener;
}

/**
 * Whether a line of the library's log is said of every entry; what it is about, the caller says. Progress of what takes
 * long is none of these.
 *
 * @param line as @actions/core writes it
 */
export const isRoutine = (line: string): boolean =>
  /^(?:Cache hit for|Cache Size: |Cache restored successfully|Cache saved successfully|Lookup only - |\[command\])/.test(
    line,
  );

const withoutMarks = (chunk: unknown): unknown =>
  String(chunk).includes("##[") ? String(chunk).replaceAll("##[", "## [") : chunk;

/** How a fault begins that is met before anything is uploaded. */
export const notReserved = "the key cannot be reserved: ";

/**
 * The fault in a line of the library's log, or undefined for a line of another kind.
 *
 * @param line as @actions/core writes it
 */
export function complaintIn(line: string): Complaint | undefined {
  const words = (pattern: RegExp) => pattern.exec(line)?.[1];
  // Said of every key that cannot be reserved, whatever the cause; that is said in a line for debugging.
  if (/^Failed to save: Unable to reserve cache/.test(line)) return { text: "", passed: false };
  const reserved = words(/^::debug::Failed to reserve cache: (.*)/);
  if (reserved !== undefined) return { text: notReserved + bare(reserved), passed: false };
  const retried = words(/^Attempt \d+ of \d+ failed with error: (.*)\. Retrying request in \d+ ms/);
  if (retried !== undefined) return { text: bare(retried), passed: true };
  const warned = words(/^::(?:warning|error)::(.*)/);
  return warned === undefined ? undefined : { text: bare(warned) || "no reason given", passed: false };
}

/** The first line, as it was before it was put into one for the runner, without who says it to whom. */
function bare(text: string): string {
  const [first = ""] = text.split(/%0D|%0A/);
  return first.replaceAll("%25", "%").replace(prefixes, "").trim();
}

const prefixes =
  /^(?:(?:Failed to (?:restore|save|GetCacheEntryDownloadURL|CreateCacheEntry|FinalizeCacheEntryUpload)|Error|uploadCacheArchiveSDK: internal error uploading cache archive|Received non-retryable error|Failed to make request after \d+ attempts|Rate limited|Failed request|Unable to make request):\s*)+/;
