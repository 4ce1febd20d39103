import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { addedTo, type Image, type Layer, metadata, readStore, type Store } from "../../src/store/store.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "store-"));
});

afterEach(() => rmSync(root, { recursive: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}

test("a store that is not there, or that nobody has used, is empty", async () => {
  expect(await readStore(join(root, "missing"))).toEqual({ layers: [], images: [] });
  mkdirSync(join(root, "overlay-layers"));
  expect(await readStore(root)).toEqual({ layers: [], images: [] });
});

test("a store is read as it is, with the fields that nobody here knows", async () => {
  const layers = [{ id: "l1", created: "2026-01-01T00:00:00Z", "diff-size": 5, flags: { incomplete: true } }];
  const images = [{ id: "i1", layer: "l1", names: ["a:1"], "big-data-names": ["manifest"] }];
  write("overlay-layers/layers.json", JSON.stringify(layers));
  write("overlay-images/images.json", JSON.stringify(images));
  expect(await readStore(root)).toEqual({ layers, images });
  expect(Object.values(metadata).sort()).toEqual([
    "overlay-images/images.json",
    "overlay-layers/layers.json",
  ]);
});

test("a store that cannot be read is an error, not an empty store", async () => {
  write("overlay-layers", "");
  await expect(readStore(root)).rejects.toThrow("ENOTDIR");
  rmSync(join(root, "overlay-layers"));
  write("overlay-layers/layers.json", '[{"id":');
  await expect(readStore(root)).rejects.toThrow(/^Cannot read .*layers\.json: /);
});

const layer = (id: string, parent?: string, rest: Partial<Layer> = {}): Layer => ({
  id,
  ...(parent !== undefined && { parent }),
  ...rest,
});
const image = (id: string, top?: string, rest: Partial<Image> = {}): Image => ({
  id,
  ...(top !== undefined && { layer: top }),
  ...rest,
});
const store = (layers: Layer[], images: Image[]): Store => ({ layers, images });
/** Ids of what is added, and of images that are broken. */
function ids(below: Store[], above: Store): { layers: string[]; images: string[]; broken: string[] } {
  const { store: added, broken } = addedTo(below, above);
  return { layers: added.layers.map(({ id }) => id), images: added.images.map(({ id }) => id), broken };
}

const base = store([layer("b1"), layer("b2", "b1")], [image("base", "b2", { names: ["base:1"] })]);

test.each<[string, Store[], Store, Partial<ReturnType<typeof ids>>]>([
  ["an empty store", [], store([], []), {}],
  ["an image with all its layers", [], base, { layers: ["b1", "b2"], images: ["base"] }],
  [
    "layers of containers and of unfinished builds are left out",
    [],
    store([layer("b1"), layer("container", "b1"), layer("stray")], [image("i", "b1")]),
    { layers: ["b1"], images: ["i"] },
  ],
  [
    "layers that two images share come once, in the order of the store",
    [],
    store([layer("x", "b1"), layer("b1"), layer("y", "b1")], [image("i", "y"), image("j", "x")]),
    { layers: ["x", "b1", "y"], images: ["i", "j"] },
  ],
  [
    "the same top layer with other id maps stays",
    [],
    store([layer("b1"), layer("m", "b1"), layer("n")], [image("i", "b1", { "mapped-layers": ["m"] })]),
    { layers: ["b1", "m"], images: ["i"] },
  ],
  [
    "only what is above the segments is added",
    [base],
    store([layer("n", "b2")], [image("i", "n")]),
    { layers: ["n"], images: ["i"] },
  ],
  [
    "a parent may be in any of the segments",
    [base, store([layer("c", "b2")], [image("c", "c")])],
    store([layer("n", "b1"), layer("o", "c")], [image("i", "n"), image("j", "o")]),
    { layers: ["n", "o"], images: ["i", "j"] },
  ],
  [
    "an image that stands on a segment's layer itself brings none",
    [base],
    store([], [image("i", "b2")]),
    { images: ["i"] },
  ],
  ["an image without files brings none", [], store([], [image("i"), image("j", "")]), { images: ["i", "j"] }],
  [
    "an image copied up as it is, is not new",
    [base],
    store([], [image("base", "b2", { names: ["base:1"] })]),
    {},
  ],
  [
    "an image copied up for a new tag is",
    [base],
    store([], [image("base", "b2", { names: ["new:1", "base:1"] })]),
    { images: ["base"] },
  ],
  [
    "the order of tags does not matter, and the topmost segment counts",
    [base, store([], [image("base", "b2", { names: ["a", "b"] })])],
    store([], [image("base", "b2", { names: ["b", "a"] })]),
    {},
  ],
  [
    "an image that went back to its tags of before is new",
    [base, store([], [image("base", "b2", { names: ["a", "b"] })])],
    store([], [image("base", "b2", { names: ["base:1"] })]),
    { images: ["base"] },
  ],
  [
    "an image without its top layer is broken",
    [],
    store([layer("b1")], [image("i", "gone"), image("j", "b1")]),
    { layers: ["b1"], images: ["j"], broken: ["i"] },
  ],
  [
    "so is one without a layer further down",
    [base],
    store([layer("n", "gone")], [image("i", "n")]),
    { broken: ["i"] },
  ],
  [
    "so is one on half a layer",
    [],
    store([layer("b1", undefined, { flags: { incomplete: true } }), layer("n", "b1")], [image("i", "n")]),
    { broken: ["i"] },
  ],
  [
    "a layer marked complete is whole",
    [],
    store([layer("b1", undefined, { flags: { incomplete: false } })], [image("i", "b1")]),
    { layers: ["b1"], images: ["i"] },
  ],
])("%s", (_, below, above, expected) => {
  expect(ids(below, above)).toEqual({ layers: [], images: [], broken: [], ...expected });
});

test("what is added keeps its fields", () => {
  const odd = { ...layer("l"), "diff-digest": "sha256:x", uidset: [0, 1] };
  const above = store([odd], [{ ...image("i", "l"), digest: "sha256:y" } as Image]);
  expect(addedTo([], above)).toEqual({ store: above, broken: [] });
});
