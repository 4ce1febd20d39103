import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { chainKey, parseChain } from "../../src/cache/key.ts";
import { fetchChain, findChain, transitDirectory } from "../../src/cache/restore.ts";
import { type SaveSettings, saveStore } from "../../src/cache/save.ts";
import { run } from "../../src/exec.ts";
import { keepContents } from "../../src/store/kept.ts";
import type { Store } from "../../src/store/store.ts";
import { useCacheDesk } from "../support/cache-desk.ts";
import { write, writeStore as writeStoreAt } from "../support/stores.ts";

const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+";
const desk = useCacheDesk();

/** Writes what podman would have, with files beside it that are none of the images'. */
function writeStore(store: Store): void {
  writeStoreAt(desk.namespace.environment.graphRoot, store);
  write(join(desk.namespace.environment.graphRoot, "db.sql"), "not to be saved");
}

const save = (
  chain: string[] = [],
  cut = false,
  run = "1.1.job",
  settings: Partial<SaveSettings> = {},
): Promise<unknown> =>
  saveStore(
    desk.namespace.environment,
    { prefix, chain, cut },
    { images: [], named: [], limit: 5e9, saveSeconds: 600, ...settings },
    desk.temporary,
    run,
  );

const image = { id: "i1", layer: "l2", names: ["a:1"] };
const layers = [{ id: "l1" }, { id: "l2", parent: "l1" }];
const container = { id: "c1", parent: "l2" };

test("an empty store and one of containers alone are not saved", async () => {
  await save();
  writeStore({ layers: [container], images: [] });
  await save();
  expect(desk.service.requests).toEqual([]);
  expect(desk.log).toContain("No new images: nothing to save\n");
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
});

test("a segment holds the images with their layers, and nothing else", async () => {
  writeStore({ layers: [...layers, container], images: [image] });
  write(join(transitDirectory(desk.temporary), "left over"), "of a restore");
  await save();
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);

  const { chain } = await findChain(prefix, desk.temporary);
  expect(desk.keys()).toEqual([chainKey(prefix, chain)]);
  const [segment] = await fetchChain(prefix, chain, desk.temporary, join(desk.directory, "segments"));
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
  const unpacked = join(desk.directory, "unpacked");
  await run("unsquashfs", ["-quiet", "-no-progress", "-dest", unpacked, segment?.file ?? ""]);
  const files = (await run("find", [unpacked, "-type", "f", "-printf", "%P\n"])).trim().split("\n").sort();
  expect(files).toEqual([
    "overlay-images/i1/manifest",
    "overlay-images/images.json",
    "overlay-images/images.lock",
    "overlay-layers/l1.tar-split.gz",
    "overlay-layers/l2.tar-split.gz",
    "overlay-layers/layers.json",
    "overlay-layers/layers.lock",
    "overlay/l/LINKl1",
    "overlay/l/LINKl2",
    "overlay/l1/diff/file of l1",
    "overlay/l1/link",
    "overlay/l2/diff/file of l2",
    "overlay/l2/link",
  ]);
  expect(JSON.parse(await run("cat", [join(unpacked, "overlay-layers/layers.json")]))).toEqual(layers);
  expect(JSON.parse(await run("cat", [join(unpacked, "overlay-images/images.json")]))).toEqual([image]);
});

test("the time of a cold start goes with the segment, and with those on top of it", async () => {
  const cold = { job: "ci/test/podman", seconds: 88.5 };
  const { graphRoot } = desk.namespace.environment;
  writeStore({ layers, images: [image] });
  expect(await save([], false, "1.1.job", { cold })).toMatchObject({ key: desk.keys()[0] });
  const fetchNewest = async () => {
    const { chain } = await findChain(prefix, desk.temporary);
    return await fetchChain(prefix, chain, desk.temporary, join(desk.directory, "segments"));
  };
  const [first] = await fetchNewest();
  expect(first).toMatchObject({ cold, fetched: true });

  const digest = first?.digest ?? "";
  await keepContents(graphRoot, digest, { store: { layers, images: [image] }, size: 1, cold });
  const upper = { id: "i2", layer: "l3", names: ["b:1"] };
  writeStore({ layers: [{ id: "l3", parent: "l2" }], images: [upper] });
  await save([digest]);
  expect((await fetchNewest()).map((segment) => segment.cold)).toEqual([undefined, cold]);
});

test("what a job before has saved is not packed again", async () => {
  writeStore({ layers, images: [image] });
  await save();
  desk.service.requests.length = 0;
  writeStore({ layers: [...layers, container], images: [image] });
  await save();
  expect(desk.service.requests.map(({ kind }) => kind)).toEqual(["lookup"]);
  expect(desk.log).toContain(`The cache has ${desk.keys()[0]} already: nothing to save\n`);
  expect(desk.log.match(/Packed /g)).toHaveLength(1);
});

test("where not all of the cache could be used the same is saved as newer, once a run", async () => {
  writeStore({ layers, images: [image] });
  await save();
  await save([], true, "2.1.job");
  await save([], true, "2.1.job");
  expect(desk.keys()).toHaveLength(2);
  expect((await findChain(prefix, desk.temporary)).chain).toEqual(parseChain(prefix, desk.keys()[1] ?? ""));
});

test("the next segment has only what those below have not, and its key goes on from theirs", async () => {
  await keepContents(desk.namespace.environment.graphRoot, "aaaaaaaaaaaa", {
    store: { layers, images: [image] },
    size: 5,
  });
  const added = { id: "l3", parent: "l2" };
  writeStore({ layers: [added], images: [image, { id: "i2", layer: "l3", names: ["b:1"] }] });
  await save(["aaaaaaaaaaaa"]);
  expect(desk.log).toContain("Packed 1 images and 1 layers into ");
  const { chain } = await findChain(prefix, desk.temporary);
  expect(chain).toEqual(["aaaaaaaaaaaa", expect.stringMatching(/^[0-9a-f]{12}$/)]);
});

test("a store that was reset since stands on nothing, and what it has now begins a chain that is newer", async () => {
  writeStore({ layers, images: [image] });
  await save();
  await save(["aaaaaaaaaaaa"], false, "2.1.job");
  const { chain } = await findChain(prefix, desk.temporary);
  expect(chain).toHaveLength(1);
  expect(desk.keys()).toHaveLength(2);
});

test("an image that lacks a layer is left out with a warning", async () => {
  writeStore({ layers, images: [image, { id: "broken", layer: "gone", names: ["b:1"] }] });
  await save();
  expect(desk.log).toContain("::warning::Image broken is not saved: a layer that it stands on is missing\n");
  expect(desk.log).toContain("Packed 1 images and 2 layers into ");
});

test("a cache that may not be written to is an error, and nothing is left", async () => {
  process.env.ACTIONS_RUNTIME_TOKEN = desk.service.token({ permission: "read" });
  writeStore({ layers, images: [image] });
  await expect(save()).rejects.toThrow("the key cannot be reserved: (403) Forbidden");
  expect(desk.keys()).toEqual([]);
  expect(desk.log).not.toContain("Saved ");
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
});

test("an archive that lacks part of a layer is an error, and nothing is left", async () => {
  writeStore({ layers, images: [image] });
  rmSync(join(desk.namespace.environment.graphRoot, "overlay", "l2", "diff"), { recursive: true });
  await expect(save()).rejects.toThrow("was packed without overlay/l2/diff");
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
  expect(desk.keys()).toEqual([]);
});

test("a segment that cannot be packed is an error, and nothing is left", async () => {
  writeStore({ layers, images: [image] });
  rmSync(join(desk.namespace.environment.graphRoot, "overlay", "l1", "link"));
  await expect(save()).rejects.toThrow("ENOENT");
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
  expect(desk.keys()).toEqual([]);
});

test("without a cache service there is a warning", async () => {
  delete process.env.ACTIONS_RESULTS_URL;
  await save();
  expect(desk.log).toBe("::warning::No cache service here: the image store is not saved\n");
});

test("images that are left out by their names are not saved, and nothing is when all are", async () => {
  const other = { id: "i2", layer: "l1", names: ["b:1"] };
  writeStore({ layers, images: [image, other] });
  await save([], false, "1.1.job", { images: ["!a", "!b"] });
  expect(desk.service.requests).toEqual([]);
  expect(desk.log).toContain("No new images: nothing to save\n");
  await save([], false, "1.1.job", { images: ["!a"] });
  expect(desk.log).toContain("Packed 1 images and 1 layers into ");
});

test("what failed builds leave is not saved, and what good ones leave is", async () => {
  const created = "2026-11-23T19:04:40.5Z";
  const end = { id: "end", layer: "end" };
  writeStore({ layers: [...layers, { id: "end", created }], images: [image, end] });
  const build = (name: string, time: string) =>
    `${JSON.stringify({ ...(name && { Name: name }), Status: "build", Time: `2026-11-23T${time}Z`, Type: "image" })}\n`;
  writeFileSync(
    join(desk.namespace.environment.directory, "events"),
    build("i1", "19:04:39.9") + build("", "19:04:41"),
  );
  await save();
  expect(desk.log).toContain("Packed 1 images and 2 layers into ");
  writeFileSync(join(desk.namespace.environment.directory, "events"), build("i1", "19:04:41"));
  await save();
  expect(desk.log).toContain("Packed 2 images and 3 layers into ");
});

test("a segment that is larger than the cached store may be is an error that names a way out", async () => {
  writeStore({ layers, images: [image] });
  await expect(save([], false, "1.1.job", { limit: 1000 })).rejects.toThrow(
    /^they take \S+ kB, more than cache-max-size \(1\.0 kB\); leave some out with cache-images$/,
  );
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
  expect(desk.keys()).toEqual([]);
});

test("packing that takes longer than saving may is ended, and nothing is left", async () => {
  writeStore({ layers, images: [image] });
  const bin = join(desk.directory, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "mksquashfs"), "#!/bin/sh\necho half >$4\nexec sleep 1000\n", { mode: 0o755 });
  process.env.PATH = `${bin}:${process.env.PATH}`;
  await expect(save([], false, "1.1.job", { saveSeconds: 1 })).rejects.toThrow("exit code 124");
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
  expect(desk.keys()).toEqual([]);
});
