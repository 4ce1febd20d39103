import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { tryInside } from "../../src/environment/environment.ts";
import { pack, readSegment, storeDigest } from "../../src/store/segment.ts";
import { writableSource } from "../../src/store/source.ts";
import type { Store } from "../../src/store/store.ts";
import { type Namespace, startNamespace } from "../support/namespace.ts";
import { writeSegment, writeStore } from "../support/stores.ts";

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

describe("packed", () => {
  let directory: string;
  let to: string;
  let namespace: Namespace;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "segment-"));
    to = join(directory, "to");
    mkdirSync(to);
    jest.spyOn(process.stdout, "write").mockReturnValue(true);
    namespace = await startNamespace(join(directory, "environment"));
  });

  afterEach(async () => {
    await namespace.close();
    jest.restoreAllMocks();
    rmSync(directory, { recursive: true });
  });

  const packAll = async (wanted: Store) => {
    const { graphRoot } = namespace.environment;
    const source = await writableSource(graphRoot, wanted);
    return pack(namespace.environment, "0123456789ab", wanted, source, to, 60);
  };

  test("a segment is read back by a mount, which is gone after that", async () => {
    const { environment } = namespace;
    writeStore(environment.graphRoot, { ...store, layers: [...store.layers, { id: "l3" }] });
    const size = await packAll(store);
    const file = join(to, "0123456789ab.squashfs");
    expect(readdirSync(to)).toEqual(["0123456789ab.squashfs"]);
    expect(statSync(file).size).toBe(size);
    expect(await readSegment(environment, { digest: "0123456789ab", file })).toEqual(store);
    expect((await tryInside(environment, "grep", ["-c", " /.segments/", "/proc/self/mounts"])).stdout).toBe(
      "0\n",
    );
  });

  test.each([
    ["overlay/l1/diff", "overlay/l1/diff"],
    ["overlay-images/i2", "overlay-images/i2"],
    ["overlay-layers/layers.lock", "overlay-layers/layers.lock"],
  ])("one that lacks %s is no segment, and is not left", async (path, named) => {
    const { graphRoot } = namespace.environment;
    writeStore(graphRoot, store);
    rmSync(join(graphRoot, path), { recursive: true });
    await expect(packAll(store)).rejects.toThrow(
      new Error(`${join(to, "0123456789ab.squashfs")} was packed without ${named}`),
    );
    expect(readdirSync(to)).toEqual([]);
  });

  test("a layer that is listed but has no files is none", async () => {
    const file = join(to, "a.squashfs");
    for (const path of ["overlay/l2/link", "overlay/l2/diff", "overlay/l2"]) {
      writeSegment(file, store, (root) => rmSync(join(root, path), { recursive: true }));
      const { layers, images } = await readSegment(namespace.environment, { digest: "a", file });
      expect(layers).toEqual([{ id: "l1" }]);
      expect(images).toEqual(store.images);
    }
  });

  test("a file that is no segment is an error", async () => {
    const file = join(to, "a.squashfs");
    const read = () => readSegment(namespace.environment, { digest: "a", file });
    writeFileSync(file, "x".repeat(4096));
    await expect(read()).rejects.toThrow("failed with exit code 1: ");
    writeSegment(file, store, (root) => rmSync(join(root, "overlay-images"), { recursive: true }));
    await expect(read()).rejects.toThrow("no matches");
    writeSegment(file, store, (root) => writeFileSync(join(root, "overlay-layers/layers.json"), "[{"));
    await expect(read()).rejects.toThrow("Cannot read /overlay-layers/layers.json: ");
  });

  const spoils: [string, (root: string) => void, string][] = [
    [
      "a link in place of a layer's files",
      (root) => relink(root, "overlay/l1/diff", "/"),
      '"overlay/l1/diff"',
    ],
    ["a link in place of a layer", (root) => relink(root, "overlay/l1", "../../../etc"), '"overlay/l1"'],
    ["a link in place of the layers", (root) => relink(root, "overlay", "/home"), '"overlay"'],
    [
      "a link out of the links",
      (root) => relink(root, "overlay/l/LINKl1", "../../../../etc"),
      '"overlay/l/LINKl1"',
    ],
    ["a link that is absolute", (root) => relink(root, "overlay/l/LINKl1", "/etc"), '"overlay/l/LINKl1"'],
    [
      "a link to a list",
      (root) => relink(root, "overlay-layers/layers.lock", "/etc/passwd"),
      '"overlay-layers/layers.lock"',
    ],
    [
      "a file beside the store's",
      (root) => writeFileSync(join(root, "environment"), "/tmp\n"),
      '"environment"',
    ],
    ["a directory beside the store's", (root) => mkdirSync(join(root, "volumes")), '"volumes"'],
    [
      "a device",
      (root) => execFileSync("mknod", [join(root, "overlay-images/disk"), "b", "7", "0"]),
      '"overlay-images/disk"',
    ],
    ["a name of two lines", (root) => writeFileSync(join(root, "overlay-images/i1/a\n-rw"), ""), '"-rw"'],
    [
      "a layer whose link is elsewhere",
      (root) => writeFileSync(join(root, "overlay/l1/link"), "../../.."),
      "do not stand on layers",
    ],
    [
      "a layer on files elsewhere",
      (root) => writeFileSync(join(root, "overlay/l1/lower"), "l/../../../etc"),
      "do not stand on layers",
    ],
    [
      "a layer on another's files",
      (root) => writeFileSync(join(root, "overlay/l2/lower"), "l1/diff/a"),
      "do not stand on layers",
    ],
    [
      "a parent elsewhere",
      (root) => relist(root, "overlay-layers/layers.json", { id: "l1", parent: "../x" }),
      "no id of letters and digits",
    ],
    [
      "an image's layer elsewhere",
      (root) => relist(root, "overlay-images/images.json", { id: "i1", layer: "../x" }),
      "no id of letters and digits",
    ],
    [
      "an id elsewhere",
      (root) => relist(root, "overlay-images/images.json", { id: "../../i1" }),
      "no id of letters and digits",
    ],
  ];

  test.each(spoils)("one with %s is refused", async (_what, spoil, words) => {
    const file = join(to, "a.squashfs");
    writeSegment(file, store, spoil);
    await expect(readSegment(namespace.environment, { digest: "a", file })).rejects.toThrow(words);
  });

  test("one with links as podman makes them is not", async () => {
    const file = join(to, "a.squashfs");
    writeSegment(file, store, (root) => {
      relink(root, "overlay/l/LINKl1", "../l1/diff");
      relink(root, "overlay/l/LINKl2", "../l2/diff");
      writeFileSync(join(root, "overlay/l2/lower"), "l/LINKl1:l/LINKl3");
      symlinkSync("/etc", join(root, "overlay/l1/diff/etc"));
    });
    expect(await readSegment(namespace.environment, { digest: "a", file })).toEqual(store);
  });
});

const relink = (root: string, path: string, target: string) => {
  rmSync(join(root, path), { recursive: true });
  symlinkSync(target, join(root, path));
};
const relist = (root: string, path: string, entry: object) =>
  writeFileSync(join(root, path), JSON.stringify([entry]));
