import { expect, test } from "@jest/globals";
import { type Entry, findMatch, holdsItsKey } from "./entries.ts";

const entry = (
  id: number,
  key: string,
  scope = "own",
  version = "v",
  state: Entry["state"] = "ready",
): Entry => ({
  id,
  key,
  scope,
  version,
  state,
  size: 1,
  createdAt: 0,
});

test.each([
  ["exact before a newer longer one", "k", [], [entry(1, "k"), entry(2, "k-2")], 1],
  ["longer than the primary key, newest", "k", [], [entry(2, "k-2"), entry(1, "k-1")], 2],
  ["primary prefix before restore keys", "k", ["a"], [entry(1, "k-1"), entry(2, "a-2")], 1],
  ["restore keys in their order", "x", ["b", "a"], [entry(1, "b-1"), entry(2, "a-2")], 1],
  [
    "a prefix in the own scope before an exact key in another",
    "k",
    [],
    [entry(1, "k-1"), entry(2, "k", "main")],
    1,
  ],
  ["the second scope", "k", [], [entry(1, "k", "main")], 1],
  ["no other scope", "k", [], [entry(1, "k", "elsewhere")], undefined],
  ["no other version", "k", ["k"], [entry(1, "k", "own", "w")], undefined],
  ["nothing unfinished", "k", ["k"], [entry(1, "k", "own", "v", "uploading")], undefined],
  ["only prefixes", "k", ["bc"], [entry(1, "abc")], undefined],
])("a lookup finds %s", (_, key, restoreKeys, entries, id) => {
  expect(findMatch(entries, { key, restoreKeys, version: "v", scopes: ["own", "main"] })?.id).toBe(id);
});

test("a reservation holds its key for a day, an entry for ever", () => {
  const day = 24 * 60 * 60 * 1000;
  const reserved = entry(1, "k", "own", "v", "uploading");
  expect([holdsItsKey(reserved, day - 1), holdsItsKey(reserved, day)]).toEqual([true, false]);
  expect(holdsItsKey(entry(1, "k"), 10 * day)).toBe(true);
});
