import { expect, test } from "@jest/globals";
import { storeDigest } from "../../src/store/segment.ts";
import type { Store } from "../../src/store/store.ts";

const store: Store = {
  layers: [{ id: "l1" }, { id: "l2", parent: "l1" }],
  images: [
    { id: "i1", layer: "l1", names: ["a:1", "b:1"] },
    { id: "i2", layer: "l2" },
  ],
};
const digest = storeDigest(store);

test("a digest is twelve hexadecimal digits, and always the same for this store", () => {
  // Of "image i1 a:1 b:1", "image i2 ", "layer l1", "layer l2" by sha256sum(1). Another one for the same store
  // would have every job save once more what the cache has.
  expect(digest).toBe("84802530052a");
});

test.each<[string, Store]>([
  [
    "the order of layers and images",
    { layers: store.layers.toReversed(), images: store.images.toReversed() },
  ],
  [
    "the order of tags",
    {
      ...store,
      images: [
        { id: "i1", names: ["b:1", "a:1"] },
        { id: "i2", names: [] },
      ],
    },
  ],
  [
    "fields that differ from one pull to the next",
    { ...store, layers: store.layers.map((layer) => ({ ...layer, created: "now", "diff-size": 1 })) },
  ],
])("%s does not matter", (_, same) => {
  expect(storeDigest(same)).toBe(digest);
});

test("all else does", () => {
  const [i1 = { id: "" }, i2 = { id: "" }] = store.images;
  const others: Store[] = [
    { layers: [], images: [] },
    { ...store, layers: [{ id: "l1" }] },
    { ...store, layers: [...store.layers, { id: "l3" }] },
    { ...store, images: [i1] },
    { ...store, images: [{ ...i1, id: "i3" }, i2] },
    { ...store, images: [{ ...i1, names: ["a:1"] }, i2] },
    { ...store, images: [{ ...i1, names: ["a:1", "b:1", "c:1"] }, i2] },
    {
      ...store,
      images: [
        { ...i1, names: [] },
        { ...i2, names: ["a:1", "b:1"] },
      ],
    },
    // A layer and an image may have the same id.
    { layers: [{ id: "x" }], images: [] },
    { layers: [], images: [{ id: "x" }] },
  ];
  const digests = [digest, ...others.map((other) => storeDigest(other))];
  expect(new Set(digests).size).toBe(digests.length);
  for (const one of digests) expect(one).toMatch(/^[0-9a-f]{12}$/);
});

test("salt makes a name of its own, the same for the same salt", () => {
  const salted = storeDigest(store, "1.1.job");
  expect(salted).toMatch(/^[0-9a-f]{12}$/);
  expect(new Set([digest, salted, storeDigest(store, "2.1.job")]).size).toBe(3);
  expect(storeDigest(store, "1.1.job")).toBe(salted);
  expect(storeDigest(store, "")).toBe(digest);
});
