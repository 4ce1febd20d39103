import { expect, test } from "@jest/globals";
import { bytesOf, difference, isEmpty, parseListing } from "../../src/volumes/listing.ts";

/** As find(1) prints them: "TYPE MODE UID GID SIZE MTIME CTIME TARGET", path. */
const listing = (entries: Record<string, string>) =>
  parseListing(
    Object.entries(entries)
      .map(([path, text]) => `${text}\0${path}\0`)
      .join(""),
  );

const tree = {
  "": "d 755 0 0 4096 1.0000000001 1.0000000001 ",
  "a b": "d 2751 33 44 4096 2.0 2.0 ",
  "a b/f": "f 4711 1000 1000 12 3.1234567890 3.5 ",
  "a b/new\nline": "f 644 0 0 5 4.0 4.0 ",
  link: "l 777 0 0 9 5.0 5.0 to a path",
};
const base = listing(tree);
const changed = (entries: Record<string, string | undefined>) => {
  const all = Object.entries({ ...tree, ...entries }).filter(([, text]) => text !== undefined);
  return difference(base, listing(Object.fromEntries(all) as Record<string, string>));
};

test("a listing is read, whatever is in names and targets", () => {
  expect([...base.keys()]).toEqual(Object.keys(tree));
  expect(base.get("a b/f")).toEqual({
    type: "f",
    state: "4711 1000 1000 12 3.1234567890",
    changed: "3.5",
    bytes: 12,
  });
  expect(base.get("link")?.state).toBe("777 0 0 9 5.0 to a path");
  expect(base.get("a b")).toEqual({ type: "d", state: "2751 33 44", changed: "2.0", bytes: 0 });
  expect(bytesOf(base)).toBe(17);
});

test.each([
  [{}, true],
  [{ "": tree[""] }, true],
  [tree, false],
])("a tree with no more than its root is empty: %j", (entries, empty) => {
  expect(isEmpty(listing(entries))).toBe(empty);
});

test("equal trees do not differ, nor does one whose directories had something for a while", () => {
  expect(difference(base, listing(tree))).toBeUndefined();
  expect(changed({ "a b": "d 2751 33 44 8192 9.0 9.0 " })).toBeUndefined();
});

test.each([
  ["a b/f", "f 4711 1000 1000 13 3.1234567890 3.5 "],
  ["a b/f", "f 4711 1000 1000 12 3.1234567891 3.5 "],
  ["a b/f", "f 4711 1000 1001 12 3.1234567890 3.5 "],
  ["a b/f", "f 755 1000 1000 12 3.1234567890 3.5 "],
  // An extended attribute, or other content of the same size whose time was set back.
  ["a b/f", "f 4711 1000 1000 12 3.1234567890 3.6 "],
  ["a b", "d 751 33 44 4096 2.0 2.0 "],
  ["link", "l 777 0 0 9 5.0 5.0 elsewhere"],
  ["more", "f 644 0 0 0 6.0 6.0 "],
])("%s is packed, and nothing else: %s", (path, text) => {
  expect(changed({ [path]: text })).toMatchObject({ packed: [path], removed: [] });
});

test("what is gone is removed, and its directory comes along for its time", () => {
  expect(changed({ "a b": "d 2751 33 44 4096 9.0 9.0 ", "a b/f": undefined })).toEqual({
    packed: ["a b"],
    removed: ["a b/f"],
    bytes: 0,
  });
});

test("what is of another type now is removed with all that was in it, parents first, and packed", () => {
  const file = { "a b": "f 644 0 0 7 9.0 9.0 ", "a b/f": undefined, "a b/new\nline": undefined };
  expect(changed(file)).toEqual({ packed: ["a b"], removed: ["a b", "a b/f", "a b/new\nline"], bytes: 7 });
});
