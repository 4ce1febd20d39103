import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { inside } from "../../src/environment/environment.ts";
import { joinedSource, renderFstab, writableSource } from "../../src/store/source.ts";
import type { Store } from "../../src/store/store.ts";
import { type Namespace, startNamespace } from "../support/namespace.ts";
import { write, writeStore } from "../support/stores.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "source-"));
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
});

afterEach(() => {
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

test("of the writable store all is left out that is not to be packed", async () => {
  const root = join(directory, "storage");
  const store = { layers: [{ id: "l1" }, { id: "l2" }], images: [{ id: "i1" }] };
  writeStore(root, { layers: [...store.layers, { id: "l3" }], images: [...store.images, { id: "i2" }] });
  write(join(root, "overlay", "staging", "x"), "");
  write(join(root, "overlay-layers", "incomplete-layers.json"), "");
  const { root: packed, excluded } = await writableSource(root, store);
  expect(packed).toBe(root);
  expect(excluded.map((path) => path.slice(root.length + 1)).sort()).toEqual([
    "overlay-images/i2",
    "overlay-images/images.json",
    "overlay-layers/incomplete-layers.json",
    "overlay-layers/l3.tar-split.gz",
    "overlay-layers/layers.json",
    "overlay/l/LINKl3",
    "overlay/l3",
    "overlay/staging",
  ]);
});

test("the list of mounts has each layer once, from the uppermost part that has it", () => {
  const parts = [
    { root: "/.segments/aaaaaaaaaaaa", store: { layers: [{ id: "l1" }, { id: "l2" }], images: [] } },
    { root: "/data/my store#1", store: { layers: [{ id: "l2" }, { id: "l3" }], images: [] } },
  ];
  expect(renderFstab("/.join", parts, { layers: [{ id: "l2" }, { id: "l1" }], images: [] })).toBe(
    `tmpfs /.join tmpfs mode=0700 0 0
/data/my\\040store\\0431/overlay/l2 /.join/overlay/l2 none bind,X-mount.mkdir 0 0
/.segments/aaaaaaaaaaaa/overlay/l1 /.join/overlay/l1 none bind,X-mount.mkdir 0 0
`,
  );
});

test("what fstab(5) does not take in a path is written as numbers", () => {
  const parts = [{ root: "/a\tb\\c d\ne#ü", store: { layers: [{ id: "l" }], images: [] } }];
  expect(renderFstab("/.join", parts, { layers: [{ id: "l" }], images: [] }).split("\n")[1]).toBe(
    "/a\\011b\\134c\\040d\\012e\\043ü/overlay/l /.join/overlay/l none bind,X-mount.mkdir 0 0",
  );
});

describe("joined", () => {
  let namespace: Namespace;

  beforeEach(async () => {
    namespace = await startNamespace(join(directory, "environment"));
  });

  afterEach(() => namespace.close());

  const lower = { layers: [{ id: "l1" }, { id: "l2" }], images: [{ id: "i1" }, { id: "i2" }] };
  const upper = { layers: [{ id: "l2" }, { id: "l3" }, { id: "l4" }], images: [{ id: "i2" }, { id: "i3" }] };

  const joinAll = (store: Store) => {
    const [one, two] = [join(directory, "one"), join(directory, "two #2")];
    writeStore(one, lower);
    writeStore(two, upper);
    for (const root of [one, two]) write(join(root, "overlay/l2/diff/file"), root);
    for (const root of [one, two]) write(join(root, "overlay-images/i2/manifest"), root);
    rmSync(join(two, "overlay", "l4"), { recursive: true });
    const parts = [
      { root: one, store: lower },
      { root: two, store: upper },
    ];
    return joinedSource(namespace.environment, parts, store, directory);
  };

  test("stores come together without a copy of their layers, and apart again", async () => {
    const { environment } = namespace;
    const wanted = {
      layers: [{ id: "l1" }, { id: "l2" }, { id: "l3" }],
      images: [{ id: "i2" }, { id: "i1" }],
    };
    const { root, excluded, release } = await joinAll(wanted);
    expect(excluded).toEqual([]);
    // Read inside: on the host there is no such directory.
    const files = await inside(environment, "find", [root, "-type", "f", "-printf", "%P\\n"]);
    expect(files.trim().split("\n").sort()).toEqual([
      "overlay-images/i1/manifest",
      "overlay-images/i2/manifest",
      "overlay-images/images.lock",
      "overlay-layers/l1.tar-split.gz",
      "overlay-layers/l2.tar-split.gz",
      "overlay-layers/l3.tar-split.gz",
      "overlay-layers/layers.lock",
      "overlay/l/LINKl1",
      "overlay/l/LINKl2",
      "overlay/l/LINKl3",
      "overlay/l1/diff/file of l1",
      "overlay/l1/link",
      "overlay/l2/diff/file",
      "overlay/l2/diff/file of l2",
      "overlay/l2/link",
      "overlay/l3/diff/file of l3",
      "overlay/l3/link",
    ]);
    const read = (path: string) => inside(environment, "cat", [join(root, path)]);
    expect(await read("overlay/l1/diff/file of l1")).toBe("l1");
    expect(await read("overlay/l2/diff/file")).toBe(join(directory, "two #2"));
    expect(await read("overlay-images/i2/manifest")).toBe(join(directory, "two #2"));
    await release();
    expect(await inside(environment, "ls", ["-A", root])).toBe("");
    expect(existsSync(join(directory, "joined.fstab"))).toBe(false);
    expect(existsSync(root)).toBe(false);
  });

  test("a layer that has no files is an error, and nothing stays mounted", async () => {
    await expect(joinAll({ layers: [{ id: "l3" }, { id: "l4" }], images: [] })).rejects.toThrow("overlay/l4");
    const mounts = await inside(namespace.environment, "cat", ["/proc/self/mounts"]);
    expect(mounts).not.toContain(" /.join");
    expect(existsSync(join(directory, "joined.fstab"))).toBe(false);
  });
});
