import { expect, test } from "@jest/globals";
import type { Build } from "../../src/store/events.ts";
import { bytesOf, type Choice, liveStore, partIn } from "../../src/store/live.ts";
import { namesMatching } from "../../src/store/patterns.ts";
import type { Image, Layer, Store } from "../../src/store/store.ts";

const day = 24 * 3600 * 1000;
const now = Date.parse("2026-11-23T12:00:00.123456789Z");
const at = (days: number) => new Date(now + days * day).toISOString();

const layer = (id: string, parent?: string, created = at(0)): Layer => ({
  id,
  created,
  ...(parent !== undefined && { parent }),
});
const image = (id: string, top: string | undefined, ...names: string[]): Image => ({
  id,
  ...(top !== undefined && { layer: top }),
  ...(names.length > 0 && { names, "names-history": names }),
});
/** What builds call images that they leave without a name, until they are committed. */
const temporary = `docker.io/library/${"0123456789abcdef".repeat(4)}-tmp:latest`;
const nameless = (id: string, top?: string, history = [temporary]): Image => ({
  ...image(id, top),
  "names-history": history,
});

const choice = (overrides: Partial<Choice> = {}): Choice => ({
  wanted: () => true,
  builds: [],
  added: new Set(),
  used: new Set(),
  onlyUsed: false,
  ...overrides,
});

const good = (end: number): Build => ({ end, wentWell: true });
const bad = (end: number): Build => ({ end, wentWell: false });

/** Ids of the images and layers that are kept. */
const live = (store: Store, overrides?: Partial<Choice>) => {
  const { images, layers } = liveStore(store, choice(overrides));
  return [images.map(({ id }) => id).join(" "), layers.map(({ id }) => id).join(" ")];
};

test("an image with a name is kept with all its layers, and layers of nobody's are not", () => {
  const store = {
    layers: [layer("b"), layer("container", "t"), layer("t", "b"), layer("stray")],
    images: [image("i", "t", "a:1")],
  };
  expect(live(store)).toEqual(["i", "b t"]);
  expect(liveStore(store, choice()).images[0]).toBe(store.images[0]);
});

test("an image without files has no layers", () => {
  expect(live({ layers: [], images: [image("i", undefined, "a:1"), image("j", "", "b:1")] })).toEqual([
    "i j",
    "",
  ]);
});

test("the same top layer with other id maps is kept too", () => {
  const store = {
    layers: [layer("b"), layer("t", "b"), layer("mapped", "b"), layer("other", "b")],
    images: [{ ...image("i", "t", "a:1"), "mapped-layers": ["mapped"] }],
  };
  expect(live(store)).toEqual(["i", "b t mapped"]);
});

test("a layer that is missing ends an image's chain", () => {
  expect(live({ layers: [layer("t", "gone")], images: [image("i", "t", "a:1")] })).toEqual(["i", "t"]);
});

const built: Store = {
  layers: [layer("base"), layer("step", "base"), layer("top", "step")],
  images: [image("base", "base", "base:1"), nameless("step", "step"), image("top", "top", "app:1")],
};

test("the nameless steps of a build are kept with its image, whenever they were made", () => {
  expect(live(built)).toEqual(["base step top", "base step top"]);
  const step = { added: new Set(["step"]) };
  expect(live(built, step)).toEqual(["base step top", "base step top"]);
  const old = { ...built, layers: built.layers.map((one) => ({ ...one, created: at(-100) })) };
  expect(live({ ...old, layers: [...old.layers, layer("new")] })).toEqual(["base step top", "base step top"]);
});

test("steps go with the image that they led to", () => {
  const wanted = namesMatching(["!app"]);
  expect(live(built, { wanted })).toEqual(["base", "base"]);
  expect(live(built, { wanted, added: new Set(["step", "top"]), builds: [good(now)] })).toEqual([
    "base",
    "base",
  ]);
  // As does a newer image that took its name.
  const newer = {
    layers: [...built.layers, layer("new", "base")],
    images: [
      ...built.images.map((one) => (one.id === "top" ? nameless("top", "top", ["app:1"]) : one)),
      image("new", "new", "app:1"),
    ],
  };
  expect(live(newer)).toEqual(["base new", "base new"]);
  // Unless another stands on them.
  const more = { ...built, images: [...built.images, image("more", "step", "more:1")] };
  expect(live(more, { wanted })).toEqual(["base step more", "base step"]);
});

test.each([
  [["localhost/**"], "l", "l"],
  [["!docker.io/**"], "l q", "l q"],
  [["docker.io/**", "!docker.io/library/*"], "", ""],
  [["quay.io/a/b:2"], "q", "q"],
  [["quay.io/a/b:1"], "", ""],
])("only images of the wanted names: %j", (patterns, images, layers) => {
  const store = {
    layers: [layer("l"), layer("d"), layer("q")],
    images: [
      image("l", "l", "localhost/app:1"),
      image("d", "d", "docker.io/library/alpine:3"),
      image("q", "q", "quay.io/a/b:2", "docker.io/library/b:2"),
    ],
  };
  expect(live(store, { wanted: namesMatching(patterns) })).toEqual([images, layers]);
});

test.each([
  ["a newer image took", nameless("old", "old", ["app:1"])],
  ["podman untag took", nameless("old", "old", ["app:1", "app:2"])],
  ["it got after its build", nameless("old", "old", ["app:1", temporary])],
])("an image without the name that %s is not kept", (_case, old) => {
  const store = { layers: [layer("old"), layer("new")], images: [old, image("new", "new", "app:1")] };
  expect(live(store)).toEqual(["new", "new"]);
  expect(live(store, { added: new Set(["old"]), builds: [good(now + day)] })).toEqual(["new", "new"]);
});

const stage = (created: string, history?: string[]): Store => ({
  layers: [layer("end", undefined, created), layer("app")],
  images: [nameless("end", "end", history), image("app", "app", "app:1")],
});
const withEnd = ["end app", "end app"];
const withoutEnd = ["app", "app"];

test.each<[string, string, Build[], string[]]>([
  ["there was no build", at(-1), [], withoutEnd],
  ["made long before a build went well", at(-30), [good(now)], withEnd],
  // Both are cut to the millisecond.
  ["made right before a build went well", at(0), [good(Math.floor(now))], withEnd],
  ["made after the last build that went well", at(0), [good(Math.floor(now) - 1)], withoutEnd],
  ["made by a build that failed", at(-1), [bad(now)], withoutEnd],
  ["made by a build that failed, before another went well", at(-1), [bad(now - 1), good(now)], withoutEnd],
  ["made by a build that went well, after another failed", at(0), [bad(now - 1), good(now)], withEnd],
  ["made by a build that went well, before another failed", at(-1), [good(now - 1), bad(now)], withEnd],
  ["made at an unknown time, before a build went well", "", [good(now)], withEnd],
])("the nameless end of this job's stage: %s", (_case, created, builds, expected) => {
  expect(live(stage(created), { added: new Set(["end"]), builds })).toEqual(expected);
});

test("an end that never had a name of any kind is one too", () => {
  expect(live(stage(at(0), []), { added: new Set(["end"]), builds: [good(now)] })).toEqual(withEnd);
});

test.each([
  ["an hour", 1 / 24, true],
  ["almost a week", 6.99, true],
  ["more than a week", 7.01, false],
])("the nameless end of an earlier job's stage, %s older than the newest", (_case, days, kept) => {
  const store = {
    layers: [layer("old", undefined, at(-days)), layer("newest", undefined, at(0))],
    images: [nameless("old", "old"), nameless("newest", "newest")],
  };
  // Whether this job has built anything does not matter for them, nor what the clock says now.
  expect(live(store)[0]).toBe(kept ? "old newest" : "newest");
  expect(live(store, { builds: [good(now - 100 * day)] })[0]).toBe(kept ? "old newest" : "newest");
});

test("the end of an earlier job's stage goes with the base image that it stands on", () => {
  const layers = [layer("base"), layer("end", "base"), layer("new"), layer("app", "new")];
  const rest = [nameless("end", "end"), image("app", "app", "app:1")];
  expect(live({ layers, images: [image("base", "base", "base:1"), ...rest] })[0]).toBe("base end app");
  const rebased = [nameless("base", "base", ["base:1"]), image("new", "new", "base:1"), ...rest];
  expect(live({ layers, images: rebased })).toEqual(["new app", "new app"]);
  // But not while an image with a name stands on it too.
  const still = [...rebased, image("other", "other", "other:1")];
  expect(live({ layers: [...layers, layer("other", "base")], images: still })[0]).toBe(
    "base new end app other",
  );
});

test("a new end, of a build that failed too, makes those of earlier jobs old", () => {
  const store = {
    layers: [layer("old", undefined, at(-8)), layer("failed", undefined, at(0))],
    images: [nameless("old", "old"), nameless("failed", "failed")],
  };
  expect(live(store, { added: new Set(["failed"]) })).toEqual(["", ""]);
});

test("an end without a date, of an earlier job, is old as soon as there is one with a date", () => {
  const store = {
    layers: [layer("old", undefined, ""), layer("new")],
    images: [nameless("old", "old"), nameless("new", "new")],
  };
  expect(live(store)).toEqual(["new", "new"]);
});

test("only what was used: by name, by id, or added; with the steps behind it", () => {
  const store = {
    layers: [...built.layers, layer("a"), layer("b"), layer("c")],
    images: [...built.images, image("a", "a", "a:1", "a:2"), image("b", "b", "b:1"), image("c", "c", "c:1")],
  };
  const only = (used: string[], added: string[] = []) =>
    live(store, { onlyUsed: true, used: new Set(used), added: new Set(added) });
  expect(only(["a:2"])).toEqual(["a", "a"]);
  expect(only(["b", "c1"])).toEqual(["b", "b"]);
  expect(only([], ["c"])).toEqual(["c", "c"]);
  // Its base, too, of which no event tells.
  expect(only(["app:1"])).toEqual(["base step top", "base step top"]);
  expect(only([])).toEqual(["", ""]);
});

test("only what was used: the ends of earlier jobs' stages go", () => {
  expect(live(stage(at(0)), { onlyUsed: true, used: new Set(["app:1"]) })).toEqual(withoutEnd);
});

test("lists that lead in a circle have an end", () => {
  const circle = { ...image("i", "a", "i:1"), "mapped-layers": ["b"] };
  expect(live({ layers: [layer("a", "b"), layer("b", "a")], images: [circle] })).toEqual(["i", "a b"]);
});

test("images and layers stay in their order, with the fields that nobody here knows", () => {
  const odd = { ...layer("t", "b"), uidset: [0] };
  const store = { layers: [odd, layer("b")], images: [image("z", "t", "z:1"), image("a", "b", "a:1")] };
  expect(liveStore(store, choice())).toEqual(store);
});

test("bytes are those of the layers of which podman knows them", () => {
  expect(bytesOf([{ id: "a", "diff-size": 5 }, { id: "b" }, { id: "c", "diff-size": 7 }])).toBe(12);
  expect(bytesOf([])).toBe(0);
});

test("part of a store is what is in another, as the part has it", () => {
  const whole = { layers: [layer("a"), layer("b")], images: [image("i", "a", "new:1")] };
  const part = {
    layers: [layer("b"), layer("c")],
    images: [image("i", "b", "old:1"), image("j", "c", "j:1")],
  };
  expect(partIn(whole, part)).toEqual({ layers: [layer("b")], images: [image("i", "b", "old:1")] });
});
