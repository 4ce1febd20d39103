import { minimatch } from "minimatch";

/**
 * Which names of images are meant by a list of patterns, as in `localhost/**` or `!docker.io/library/python`. One
 * without a tag means all tags; one with a "!" takes away; where none adds, all others are meant.
 *
 * @see https://github.com/isaacs/minimatch for what a pattern can hold
 */
export function namesMatching(patterns: readonly string[]): (name: string) => boolean {
  const takenAway = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const added = patterns.filter((pattern) => !pattern.startsWith("!"));
  return (name) =>
    (added.length === 0 || added.some((pattern) => matches(name, pattern))) &&
    !takenAway.some((pattern) => matches(name, pattern));
}

const matches = (name: string, pattern: string): boolean =>
  [name, withoutTag(name)].some((text) =>
    minimatch(text, pattern, { dot: true, nocomment: true, nonegate: true }),
  );

/** A name without its tag or digest; the port of a registry is none. */
export const withoutTag = (name: string): string => name.replace(/@[^/]*$/, "").replace(/:[^/:]*$/, "");
