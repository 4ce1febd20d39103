import { expect, test } from "@jest/globals";
import {
  formatRange,
  formatSpan,
  freeStart,
  overlaps,
  parseRanges,
  type Range,
  usableRange,
} from "../../src/runner/subordinate-ids.ts";

test("ranges are read, and lines that are none are passed over", () => {
  const text = `runner:165536:65536
# a comment:1:2

1001:100000:65536\t
  ubuntu:231072:65536
with-dash_and.dot:1:0
runner:165536
runner:a:65536
runner:165536:65536:1
runner:-1:65536
:1:2
a b:1:2
last:4294901760:65535`;
  expect(parseRanges(text)).toEqual([
    { owner: "runner", start: 165_536, count: 65_536 },
    { owner: "1001", start: 100_000, count: 65_536 },
    { owner: "ubuntu", start: 231_072, count: 65_536 },
    { owner: "with-dash_and.dot", start: 1, count: 0 },
    { owner: "last", start: 4_294_901_760, count: 65_535 },
  ]);
  expect(parseRanges("")).toEqual([]);
  expect(parseRanges("a:1:2\r\nb:3:4\r\n")).toHaveLength(2);
});

const range = (owner: string, start: number, count = 65_536): Range => ({ owner, start, count });

test.each<[string, Range[], Range | undefined]>([
  ["none", [], undefined],
  ["one too small", [range("runner", 1, 65_535)], undefined],
  [
    "the first that is large enough",
    [range("runner", 1, 1000), range("runner", 5000), range("1001", 9000)],
    range("runner", 5000),
  ],
  ["a larger one", [range("runner", 5000, 1_000_000)], range("runner", 5000, 1_000_000)],
  ["one that holds the user's own id", [range("runner", 1000)], undefined],
  ["one that begins after it", [range("runner", 1002)], range("runner", 1002)],
])("usable is %s", (_, ranges, expected) => {
  expect(usableRange(ranges, 1001)).toEqual(expected);
});

test.each<[string, [number, number][], number]>([
  ["nothing is taken", [], 100_000],
  ["ranges below the lowest do not count", [[1000, 100]], 100_000],
  ["one reaches over the lowest", [[90_000, 20_000]], 110_000],
  ["the first is taken", [[100_000, 65_536]], 165_536],
  [
    "two are taken, in any order",
    [
      [165_536, 65_536],
      [100_000, 65_536],
    ],
    231_072,
  ],
  [
    "a gap is large enough",
    [
      [100_000, 65_536],
      [231_072, 65_536],
    ],
    165_536,
  ],
  [
    "a gap is one too small",
    [
      [100_000, 65_536],
      [231_071, 65_536],
    ],
    296_607,
  ],
  ["the gap before the first is large enough", [[165_536, 1]], 100_000],
  ["the gap before the first is one too small", [[165_535, 1]], 165_536],
  [
    "they overlap",
    [
      [100_000, 300_000],
      [200_000, 10],
    ],
    400_000,
  ],
  [
    "they are the same, as of uids and gids",
    [
      [100_000, 65_536],
      [100_000, 65_536],
    ],
    165_536,
  ],
  ["one is empty", [[120_000, 0]], 120_000],
  ["the last possible is free", [[100_000, 4_294_801_759]], 4_294_901_759],
])("where %s a free range starts at the right id", (_, taken, start) => {
  expect(freeStart(taken.map(([first, count]) => range("x", first, count)))).toBe(start);
});

test.each([4_294_801_760, 4_294_867_295])("where %d ids are taken none is free", (count) => {
  expect(freeStart([range("x", 100_000, count)])).toBeUndefined();
});

test.each([
  [0, 10, 10, 1, false],
  [0, 10, 9, 1, true],
  [5, 1, 0, 10, true],
  [10, 5, 0, 10, false],
  [0, 0, 0, 10, false],
  [5, 0, 0, 10, false],
])("%d and %d more overlap %d and %d more: %s", (start, count, start2, count2, expected) => {
  const [a, b] = [
    { start, count },
    { start: start2, count: count2 },
  ];
  expect(overlaps(a, b)).toBe(expected);
  expect(overlaps(b, a)).toBe(expected);
});

test("spans and lines are as usermod and the files have them", () => {
  expect(formatSpan(range("x", 100_000))).toBe("100000-165535");
  expect(formatRange(range("x", 100_000))).toBe("x:100000:65536");
  expect(parseRanges(formatRange(range("x", 1)))).toEqual([range("x", 1)]);
});
