import { expect, test } from "@jest/globals";
import { parseRange } from "./ranges.ts";

test.each([
  [undefined, undefined],
  ["bytes=0-0", { start: 0, end: 0 }],
  ["bytes=3-", { start: 3, end: 9 }],
  ["bytes=3-99", { start: 3, end: 9 }],
  ["bytes=-4", { start: 6, end: 9 }],
  ["bytes=-99", { start: 0, end: 9 }],
  ["bytes=10-", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=4-3", undefined],
  ["bytes=1-2,4-5", undefined],
  ["bytes=-", undefined],
])("range %p of ten bytes", (header, range) => {
  expect(parseRange(header, 10)).toEqual(range);
});
