/** A line of subuid(5) or subgid(5): `count` ids from `start` on, for a user given by name or by uid. */
export interface Range {
  owner: string;
  start: number;
  count: number;
}

export type Ids = Pick<Range, "start" | "count">;

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

/** As the files have it. */
export const formatRange = ({ owner, start, count }: Range): string => `${owner}:${start}:${count}`;

/** As usermod(8) has it. */
export const formatSpan = ({ start, count }: Ids): string => `${start}-${start + count - 1}`;

const end = ({ start, count }: Ids): number => start + count;
export const overlaps = (a: Ids, b: Ids): boolean => Math.max(a.start, b.start) < Math.min(end(a), end(b));
export const holds = (a: Ids, b: Ids): boolean => a.start <= b.start && end(b) <= end(a);

/** The ids of a range that container ids 1 to 65536 get. */
export const used = ({ start }: Ids): Ids => ({ start, count: neededIds });

/**
 * The first range that is large enough, if any.
 *
 * @param own ranges of the user
 * @param ownId of the user or its group: an id map has each id once, and this one is container id 0's
 */
export function usableRange(own: readonly Range[], ownId: number): Range | undefined {
  return own.find((range) => range.count >= neededIds && !overlaps(used(range), { start: ownId, count: 1 }));
}

// login.defs(5): SUB_UID_MIN and the largest id that is not reserved.
const lowest = 100_000;
const highest = 4_294_967_294;

/**
 * The start of the first free run of 65,536 ids; undefined: none is free.
 *
 * @param taken all ranges of all users, those of user and of group ids together, so that one start fits both
 */
export function freeStart(taken: readonly Ids[]): number | undefined {
  let start = lowest;
  for (const range of [...taken].sort((a, b) => a.start - b.start)) {
    if (range.start - start >= neededIds) break;
    start = Math.max(start, end(range));
  }
  return start + neededIds - 1 > highest ? undefined : start;
}
