import { expect, test } from "@jest/globals";
import { chainKey, keyPrefix, parseChain, type Scope } from "../../src/cache/key.ts";

const scope: Scope = { system: "x86_64-linux", podmanVersion: "5.8.2", driver: "overlay", name: "default" };
const prefix = keyPrefix(scope);
const digest = (number: number) => number.toString(16).padStart(12, "0");
const chainOf = (length: number) => Array.from({ length }, (_, index) => digest(index + 1));

test("stores that cannot stand in for each other have other prefixes", () => {
  const prefixes = [
    prefix,
    keyPrefix({ ...scope, system: "aarch64-linux" }),
    keyPrefix({ ...scope, podmanVersion: "5.9.0" }),
    keyPrefix({ ...scope, podmanVersion: "6.8.2" }),
    keyPrefix({ ...scope, name: "other" }),
  ];
  expect(new Set(prefixes).size).toBe(prefixes.length);
  expect(keyPrefix({ ...scope, podmanVersion: "5.8.3" })).toBe(prefix);
});

test("no name's prefix begins another's, or the newest entry of the one would hide those of the other", () => {
  const names = [
    "default",
    "default-2",
    "default-2-x",
    "a",
    "a-1",
    "a-1-0123456789ab",
    "a.b",
    "a_",
    "a-",
    "A",
  ];
  const prefixes = names.map((name) => keyPrefix({ ...scope, name }));
  for (const one of prefixes) {
    expect(prefixes.filter((other) => other.startsWith(one))).toEqual([one]);
  }
});

test.each([1, 2, 8, 9, 10, 99])("a chain of %d comes back from its key", (length) => {
  const chain = chainOf(length);
  expect(parseChain(prefix, chainKey(prefix, chain))).toEqual(chain);
});

test("no key begins another", () => {
  const keys = [1, 2, 3, 9, 10, 11, 12].flatMap((length) => [
    chainKey(prefix, chainOf(length)),
    chainKey(prefix, [...chainOf(length - 1), "ffffffffffff"]),
  ]);
  for (const key of keys) expect(keys.filter((other) => other.startsWith(key))).toEqual([key]);
});

test("the longest keys are ones that the service takes", () => {
  const longest = keyPrefix({
    ...scope,
    system: "aarch64-linux",
    podmanVersion: "10.10.10",
    name: "x".repeat(100),
  });
  const key = chainKey(longest, chainOf(8));
  expect(key.length).toBeLessThanOrEqual(512);
  expect(key).not.toContain(",");
});

test.each([
  ["another prefix", `x${prefix}1-${digest(1)}`],
  ["nothing", prefix],
  ["no count", `${prefix}${digest(1)}`],
  ["a count of zero", `${prefix}0-${digest(1)}`],
  ["a count with a zero before it", `${prefix}01-${digest(1)}`],
  ["more than the count says", `${prefix}1-${digest(1)}.${digest(2)}`],
  ["less than the count says", `${prefix}2-${digest(1)}`],
  ["a digest that is too short", `${prefix}1-${digest(1).slice(1)}`],
  ["a digest that is too long", `${prefix}1-${digest(1)}0`],
  ["capitals", `${prefix}1-ABCDEFABCDEF`],
  ["another separator", `${prefix}2-${digest(1)},${digest(2)}`],
  ["a path", `${prefix}1-../../../../x`],
  ["something after it", `${prefix}1-${digest(1)}\n`],
])("a key with %s is refused", (_, key) => {
  expect(parseChain(prefix, key)).toBeUndefined();
});
