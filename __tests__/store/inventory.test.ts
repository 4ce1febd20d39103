import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseColdStart } from "../../src/store/cold-start.ts";
import { inventoryOf, readInventory } from "../../src/store/inventory.ts";
import { keep, keepContents } from "../../src/store/kept.ts";
import { write } from "../support/stores.ts";

const layers = [
  { id: "l1", "diff-size": 100 },
  { id: "l2", parent: "l1", "diff-size": 20 },
  { id: "l3", parent: "l1", "diff-size": 3 },
];

test("an image has the size of its layers, and a store counts shared ones once", () => {
  const images = [{ id: "i3", layer: "l3" }, { id: "i2", layer: "l2", names: ["a:1"] }, { id: "none" }];
  expect(inventoryOf({ layers, images })).toEqual({
    images: [
      { id: "i2", names: ["a:1"], size: 120 },
      { id: "i3", names: [], size: 103 },
      { id: "none", names: [], size: 0 },
    ],
    size: 123,
  });
});

test.each(["overlay", "vfs"] as const)(
  "of the driver %s it is of segments and the writable store",
  async (driver) => {
    const graphRoot = mkdtempSync(join(tmpdir(), "inventory-"));
    try {
      const store = { layers: layers.slice(0, 1), images: [{ id: "i1", layer: "l1", names: ["below:1"] }] };
      await keepContents(graphRoot, "aaaaaaaaaaaa", { store, size: 1 });
      await keep(graphRoot, { prefix: "p+", chain: ["aaaaaaaaaaaa"], unpacked: [] });
      write(join(graphRoot, `${driver}-layers/layers.json`), JSON.stringify(layers.slice(1, 2)));
      write(join(graphRoot, `${driver}-images/images.json`), JSON.stringify([{ id: "i2", layer: "l2" }]));
      expect(await readInventory({ graphRoot, driver })).toMatchObject({
        images: [
          { id: "i2", size: 120 },
          { id: "i1", size: 100 },
        ],
        size: 120,
      });
    } finally {
      rmSync(graphRoot, { recursive: true });
    }
  },
);

test.each([
  "",
  "{",
  "null",
  "[]",
  '{"job":1,"seconds":2}',
  '{"job":"a","seconds":"2"}',
  '{"job":"a","seconds":-1}',
])("%j is no record of a cold start", (text) => {
  expect(parseColdStart(text)).toBeUndefined();
});
