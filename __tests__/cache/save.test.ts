import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { chainKey, parseChain } from "../../src/cache/key.ts";
import { fetchChain, findChain, transitDirectory } from "../../src/cache/restore.ts";
import { saveStore } from "../../src/cache/save.ts";
import type { Environment } from "../../src/environment/environment.ts";
import { run } from "../../src/exec.ts";
import type { Store } from "../../src/store/store.ts";
import { type CacheService, startCacheService } from "../support/cache-service/index.ts";

const variables = { ...process.env };
const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default-";
let directory: string;
let temporary: string;
let environment: Environment;
let service: CacheService;
let log: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "save-"));
  temporary = join(directory, "temp");
  mkdirSync(temporary);
  mkdirSync(join(directory, "work"));
  const graphRoot = join(directory, "storage");
  // Stands in for enter.sh: runs programs of this machine, and has the mounted segments below the directory.
  const script = join(directory, "enter.sh");
  const segments = `[ "$1" != cat ] || set -- cat "${directory}$2"`;
  writeFileSync(script, `while [ "$1" != exec ]; do shift; done\nshift\n${segments}\nexec "$@"\n`);
  environment = { script, rootfs: "/", graphRoot, driver: "overlay", directory, podman: "/bin/false" };
  service = await startCacheService({ directory: join(directory, "service") });
  delete process.env.GITHUB_SERVER_URL;
  delete process.env.ACTIONS_CACHE_MODE;
  Object.assign(process.env, service.environment(), {
    RUNNER_TEMP: temporary,
    GITHUB_WORKSPACE: join(directory, "work"),
  });
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(async () => {
  jest.restoreAllMocks();
  process.env = { ...variables };
  await service.close();
  rmSync(directory, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Writes what podman would have below a graph root, each layer with one file of its own. */
function writeStore({ layers, images }: Store): void {
  const root = environment.graphRoot;
  for (const { id } of layers) {
    write(join(root, "overlay", id, "diff", `file of ${id}`), id);
    write(join(root, "overlay", id, "link"), `LINK${id}`);
    write(join(root, "overlay", "l", `LINK${id}`), "");
    write(join(root, "overlay-layers", `${id}.tar-split.gz`), id);
  }
  for (const { id } of images) write(join(root, "overlay-images", id, "manifest"), id);
  write(join(root, "overlay-layers", "layers.json"), JSON.stringify(layers));
  write(join(root, "overlay-layers", "layers.lock"), "");
  write(join(root, "overlay-images", "images.json"), JSON.stringify(images));
  write(join(root, "overlay-images", "images.lock"), "");
  write(join(root, "db.sql"), "not to be saved");
}

const save = (chain: string[] = [], cut = false, run = "1.1.job") =>
  saveStore(environment, { prefix, chain, cut }, temporary, run);
const keys = () => service.entries().map(({ key }) => key);

const image = { id: "i1", layer: "l2", names: ["a:1"] };
const layers = [{ id: "l1" }, { id: "l2", parent: "l1" }];
const container = { id: "c1", parent: "l2" };

test("an empty store and one of containers alone are not saved", async () => {
  await save();
  writeStore({ layers: [container], images: [] });
  await save();
  expect(service.requests).toEqual([]);
  expect(log).toContain("No new images: nothing to save\n");
  expect(existsSync(transitDirectory(temporary))).toBe(false);
});

test("a segment holds the images with their layers, and nothing else", async () => {
  writeStore({ layers: [...layers, container], images: [image] });
  write(join(transitDirectory(temporary), "left over"), "of a restore");
  await save();
  expect(existsSync(transitDirectory(temporary))).toBe(false);

  const { chain } = await findChain(prefix, temporary);
  expect(keys()).toEqual([chainKey(prefix, chain)]);
  const [segment] = await fetchChain(prefix, chain, temporary, join(directory, "segments"));
  expect(readdirSync(transitDirectory(temporary))).toEqual([]);
  const unpacked = join(directory, "unpacked");
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

test("what a job before has saved is not packed again", async () => {
  writeStore({ layers, images: [image] });
  await save();
  service.requests.length = 0;
  writeStore({ layers: [...layers, container], images: [image] });
  await save();
  expect(service.requests.map(({ kind }) => kind)).toEqual(["lookup"]);
  expect(log).toContain(`The cache has ${keys()[0]} already: nothing to save\n`);
  expect(log.match(/Packed /g)).toHaveLength(1);
});

test("where not all of the cache could be used the same is saved as newer, once a run", async () => {
  writeStore({ layers, images: [image] });
  await save();
  await save([], true, "2.1.job");
  await save([], true, "2.1.job");
  expect(keys()).toHaveLength(2);
  expect((await findChain(prefix, temporary)).chain).toEqual(parseChain(prefix, keys()[1] ?? ""));
});

test("the next segment has only what the mounted ones have not, and its key goes on from theirs", async () => {
  const below = join(directory, ".segments", "aaaaaaaaaaaa");
  write(join(below, "overlay-layers/layers.json"), JSON.stringify(layers));
  write(join(below, "overlay-images/images.json"), JSON.stringify([image]));
  const added = { id: "l3", parent: "l2" };
  writeStore({ layers: [added], images: [image, { id: "i2", layer: "l3" }] });
  await save(["aaaaaaaaaaaa"]);
  expect(log).toContain("Packed 1 images and 1 layers into ");
  const { chain } = await findChain(prefix, temporary);
  expect(chain).toEqual(["aaaaaaaaaaaa", expect.stringMatching(/^[0-9a-f]{12}$/)]);
});

test("an image that lacks a layer is left out with a warning", async () => {
  writeStore({ layers, images: [image, { id: "broken", layer: "gone" }] });
  await save();
  expect(log).toContain("::warning::Image broken is not saved: a layer that it stands on is missing\n");
  expect(log).toContain("Packed 1 images and 2 layers into ");
});

test("a cache that may not be written to is no error, and nothing is left", async () => {
  process.env.ACTIONS_RUNTIME_TOKEN = service.token({ permission: "read" });
  writeStore({ layers, images: [image] });
  await save();
  expect(keys()).toEqual([]);
  expect(log).not.toContain("Saved ");
  expect(existsSync(transitDirectory(temporary))).toBe(false);
});

test("a segment that cannot be packed is an error, and nothing is left", async () => {
  writeStore({ layers, images: [image] });
  rmSync(join(environment.graphRoot, "overlay", "l1", "link"));
  await expect(save()).rejects.toThrow("ENOENT");
  expect(existsSync(transitDirectory(temporary))).toBe(false);
  expect(keys()).toEqual([]);
});

test("without a cache service there is a warning", async () => {
  delete process.env.ACTIONS_RESULTS_URL;
  await save();
  expect(log).toBe("::warning::No cache service here: the image store is not saved\n");
});
