import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  addedTo,
  type Image,
  intact,
  joined,
  type Layer,
  metadata,
  parseStore,
  readStore,
  type Store,
  tags,
} from "../../src/store/store.ts";

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

// --- Several stores together ------------------------------------------------------------------------

test("joined stores have the layers and images of all, a layer or image that two have as the upper has it", () => {
  const lower = store([layer("a"), layer("b", "a")], [image("i", "a"), image("j", "b", { names: ["j:1"] })]);
  const upper = store(
    [layer("b", "a", { "diff-size": 5 }), layer("c", "b")],
    [image("j", "b", { names: ["j:2"] }), image("k", "c")],
  );
  expect(joined([lower, upper])).toEqual({
    layers: [layer("a"), layer("b", "a", { "diff-size": 5 }), layer("c", "b")],
    images: [image("i", "a"), image("j", "b", { names: ["j:2"] }), image("k", "c")],
  });
  expect(joined([])).toEqual({ layers: [], images: [] });
  expect(joined([lower])).toEqual(lower);
});

test("a name belongs to the image that had it last, and the other remembers it", () => {
  const one = store([], [image("i", "", { names: ["app:1", "app:latest"], "names-history": ["app:1"] })]);
  const two = store([], [image("j", "", { names: ["app:latest"] }), image("k", "", { names: ["k:1"] })]);
  const three = store([], [image("l", "", { names: ["app:1", "k:1"] })]);
  const { images } = joined([one, two, three]);
  expect(images).toEqual([
    image("i", "", { names: [], "names-history": ["app:1", "app:latest"] }),
    image("j", "", { names: ["app:latest"] }),
    image("k", "", { names: [], "names-history": ["k:1"] }),
    image("l", "", { names: ["app:1", "k:1"] }),
  ]);
  // What was given stays what it was.
  expect(one.images[0]?.names).toEqual(["app:1", "app:latest"]);
});

test("a name that went to another image and came back is the first one's again", () => {
  const first = store([], [image("i", "", { names: ["app:1"] })]);
  const second = store([], [image("j", "", { names: ["app:1"] })]);
  expect(joined([first, second, first]).images).toEqual([
    image("i", "", { names: ["app:1"] }),
    image("j", "", { names: [], "names-history": ["app:1"] }),
  ]);
});

test.each<[string, Store[], Store, string[]]>([
  ["whole", [], base, []],
  ["on layers below", [base], store([layer("n", "b2")], [image("i", "n"), image("j", "b1")]), []],
  ["without files", [], store([], [image("i"), image("j", "")]), []],
  ["without its top layer", [], store([], [image("i", "gone")]), ["i"]],
  ["without a layer further down", [base], store([layer("n", "gone")], [image("i", "n")]), ["i"]],
  [
    "on a hole of one below",
    [store([layer("h", "gone")], [])],
    store([layer("n", "h")], [image("i", "n")]),
    ["i"],
  ],
  ["two, one of them broken", [], store([layer("l")], [image("i", "l"), image("j", "m")]), ["j"]],
])("holes: an image %s", (_case, below, above, broken) => {
  const { store: left, broken: found } = intact(below, above);
  expect(found).toEqual(broken);
  expect(left.layers).toEqual(above.layers);
  expect(left.images).toEqual(above.images.filter(({ id }) => !broken.includes(id)));
});

test("layers that stand on each other in a circle are an error, not a hang", () => {
  const circle = store([layer("a", "b"), layer("b", "a")], [image("i", "a")]);
  expect(() => intact([], circle)).toThrow(RangeError);
});

test("an image's names are one text, whatever their order", () => {
  expect(tags(image("i", "", { names: ["b:1", "a:1"] }))).toBe("a:1 b:1");
  expect(tags(image("i"))).toBe("");
});

test.each([
  ["{}", "[]", "/overlay-layers/layers.json: an entry has no id of letters and digits"],
  ["[null]", "[]", "/overlay-layers/layers.json: an entry has no id of letters and digits"],
  ['[{"id":""}]', "[]", "/overlay-layers/layers.json: an entry has no id of letters and digits"],
  ["[]", '[{"id":"../x"}]', "/overlay-images/images.json: an entry has no id of letters and digits"],
  ["[]", '[{"id":"a b"}]', "/overlay-images/images.json: an entry has no id of letters and digits"],
  ["[]", '[{"names":["a:1"]}]', "/overlay-images/images.json: an entry has no id of letters and digits"],
])("lists %s and %s are refused", (layers, images, message) => {
  expect(() => parseStore(layers, images)).toThrow(new Error(`Cannot read ${message}`));
  expect(() => parseStore(layers, images, "/root")).toThrow(new Error(`Cannot read /root${message}`));
});
