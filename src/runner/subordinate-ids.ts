/** A line of subuid(5) or subgid(5): `count` ids from `start` on, for a user given by name or by uid. */
export interface Range {
  owner: string;
  start: number;
  count: number;
}

/** What container ids 1 to 65536 need. */
export const neededIds = 65_536;

/** Lines that are not ranges are passed over, as the tools that read these files do. */
export function parseRanges(text: string): Range[] {
  return text.split("\n").flatMap((line) => {
    const match = /^([^:#\s]+):(\d+):(\d+)\s*$/.exec(line.trim());
    if (match === null) return [];
    const [, owner = "", start, count] = match;
    return [{ owner, start: Number(start), count: Number(count) }];
  });
}

/** The user's first range that is large enough, if any. */
export function usableRange(ranges: readonly Range[], user: string, uid: number): Range | undefined {
  return ranges.find(({ owner, count }) => (owner === user || owner === `${uid}`) && count >= neededIds);
}

// login.defs(5): SUB_UID_MIN and the largest id that is not reserved.
const lowest = 100_000;
const highest = 4_294_967_294;

/**
 * The start of the first free run of 65,536 ids.
 *
 * @param taken all ranges of all users, those of user and of group ids together, so that one start fits both
 * @throws {Error} when none is free
 */
export function freeStart(taken: readonly Range[]): number {
  let start = lowest;
  for (const range of [...taken].sort((a, b) => a.start - b.start)) {
    if (range.start - start >= neededIds) break;
    start = Math.max(start, range.start + range.count);
  }
  if (start + neededIds - 1 > highest) {
    throw new Error(
      `No ${neededIds} ids are free in /etc/subuid and /etc/subgid. Remove ranges that nobody uses.`,
    );
  }
  return start;
}
