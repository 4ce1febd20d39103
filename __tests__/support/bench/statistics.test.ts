import { expect, test } from "@jest/globals";
import { compare, inTurn, median } from "./statistics.ts";

test.each([
  [[5], 5],
  [[3, 1], 2],
  [[10, 9, 100], 10],
  [[4, 1, 2, 30], 3],
])("the median of %p is %p", (values, middle) => {
  expect(median(values)).toBe(middle);
});

test("the median of nothing is an error", () => {
  expect(() => median([])).toThrow("no values");
});

test("a comparison has both sides' values, the ratio of medians and the median of differences", () => {
  const pairs = [
    { subject: 12, peer: 10 },
    { subject: 103, peer: 100 },
    { subject: 30, peer: 20 },
  ];
  expect(compare(pairs)).toEqual({
    n: 3,
    subject: { median: 30, min: 12, max: 103 },
    peer: { median: 20, min: 10, max: 100 },
    ratio: 1.5,
    difference: 3,
  });
  expect(pairs.map(({ subject }) => subject)).toEqual([12, 103, 30]);
});

test("sides run in turn, each first in every other pair, and warm-ups do not count", async () => {
  const order: string[] = [];
  const pairs = await inTurn({ pairs: 2, warmUps: 1 }, async (side) => order.push(side));
  expect(order).toEqual(["peer", "subject", "subject", "peer", "peer", "subject"]);
  expect(pairs).toEqual([
    { subject: 3, peer: 4 },
    { subject: 6, peer: 5 },
  ]);
});

test("a run that fails ends the measurement", async () => {
  const run = async () => {
    throw new Error("exit code 125");
  };
  await expect(inTurn({ pairs: 1, warmUps: 0 }, run)).rejects.toThrow("exit code 125");
});
