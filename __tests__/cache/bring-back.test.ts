import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { beforeEach, expect, test } from "@jest/globals";
import { bringBack } from "../../src/cache/bring-back.ts";
import { chainKey } from "../../src/cache/key.ts";
import { transitDirectory } from "../../src/cache/restore.ts";
import type { Environment } from "../../src/environment/environment.ts";
import { keep, keptContents, readKept } from "../../src/store/kept.ts";
import { joined, readStore, type Store } from "../../src/store/store.ts";
import type { CacheService } from "../support/cache-service/index.ts";
import { useJobDesk } from "../support/job-desk.ts";
import { storeOf, write, writeSegment } from "../support/stores.ts";

const desk = useJobDesk();
const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+";
const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
let directory: string;
let temporary: string;
let environment: Environment;
let service: CacheService;

beforeEach(async () => {
  ({ directory, temporary, service } = desk);
  // Stands in for enter.sh: runs programs of this machine, but mounts nothing, and refuses to mount what is listed
  // in the file "refused". No process has the holder's number, so the kernel's mount is refused always.
  const script = join(directory, "enter.sh");
  writeFileSync(
    script,
    `while [ $# -gt 1 ] && [ "$1" != exec ]; do shift; done
[ "$1" = exec ] || exit 0
shift
case $1 in
  mkdir) ;;
  squashfuse_ll) ! grep -qxF "$3" "${directory}/refused" ;;
  *) exec "$@" ;;
esac\n`,
  );
  writeFileSync(join(directory, "refused"), "");
  writeFileSync(join(directory, "holder"), "0 1 boot\n");
  const graphRoot = join(directory, "storage");
  environment = { script, rootfs: "/", graphRoot, driver: "overlay", directory, podman: "/bin/false" };
  for (const chain of [[a], [a, b], [a, b, c]]) await saveLast(chain);
  service.requests.length = 0;
});

/** Saves the last segment of a chain. */
async function saveLast(
  chain: readonly string[],
  store?: Store,
  damage: (file: Buffer) => Buffer = (file) => file,
): Promise<void> {
  const transit = transitDirectory(temporary);
  const digest = chain.at(-1) ?? "";
  const file = join(transit, `${digest}.squashfs`);
  writeSegment(file, store ?? storeOf(digest, chain.at(-2)));
  writeFileSync(file, damage(readFileSync(file)));
  expect(await saveCache([transit], chainKey(prefix, chain))).toBeGreaterThan(0);
  rmSync(transit, { recursive: true });
}

const back = (unpack = false) => bringBack(environment, prefix, temporary, unpack);

const writeImages = (images: unknown) =>
  write(
    join(environment.graphRoot, "overlay-images", "images.json"),
    typeof images === "string" ? images : JSON.stringify(images),
  );

const fileOf = (digest: string) => join(environment.graphRoot, "segments", `${digest}.squashfs`);
const listed = () => readFileSync(join(directory, "segments"), "utf8");
const lines = (...digests: string[]) => digests.map((one) => `${fileOf(one)} /.segments/${one}\n`).join("");

test("a cached store is mounted, listed for the environment, and kept with the store", async () => {
  expect(await back()).toEqual({ prefix, chain: [a, b, c], cut: false });
  expect(listed()).toBe(lines(a, b, c));
  expect(await readKept(environment.graphRoot)).toEqual({ prefix, chain: [a, b, c], unpacked: [] });
  for (const digest of [a, b, c]) expect(existsSync(fileOf(digest))).toBe(true);
  const size = readFileSync(fileOf(b)).length;
  expect(await keptContents(environment.graphRoot, b)).toEqual({
    store: storeOf(b, a),
    size,
    way: expect.stringMatching(/^(kernel|squashfuse)$/),
    from: "cache",
  });
  expect(await readStore(environment.graphRoot)).toEqual({ layers: [], images: [] });
});

test("unpacked, it is the store's own, and no file of the segments is left", async () => {
  expect(await back(true)).toEqual({ prefix, chain: [a, b, c], cut: false });
  expect(listed()).toBe("");
  expect(await readKept(environment.graphRoot)).toEqual({ prefix, chain: [a, b, c], unpacked: [a, b, c] });
  expect(await readStore(environment.graphRoot)).toEqual(joined([storeOf(a), storeOf(b, a), storeOf(c, b)]));
  for (const digest of [a, b, c]) {
    const layer = join(environment.graphRoot, "overlay", `l${digest}`, "diff", `file of l${digest}`);
    expect(readFileSync(layer, "utf8")).toBe(`l${digest}`);
    expect(existsSync(fileOf(digest))).toBe(false);
    // Of what post and the output cache-size need.
    expect((await keptContents(environment.graphRoot, digest))?.size).toBeGreaterThan(1000);
  }
});

test("a segment that cannot be mounted is unpacked, on top of those that are", async () => {
  writeFileSync(join(directory, "refused"), `/.segments/${b}\n`);
  expect(await back()).toEqual({ prefix, chain: [a, b, c], cut: false });
  expect(listed()).toBe(lines(a, c));
  expect(await readKept(environment.graphRoot)).toEqual({ prefix, chain: [a, b, c], unpacked: [b] });
  expect(await readStore(environment.graphRoot)).toEqual(storeOf(b, a));
  expect(desk.log).toContain(`::warning::Segment ${b} cannot be mounted`);
});

test("images that stand on a layer which nobody has are left out, the rest stays", async () => {
  const whole = storeOf(b, a);
  await service.evict(chainKey(prefix, [a, b]));
  await saveLast([a, b], {
    layers: [...whole.layers, { id: "llost", parent: "lnowhere" }],
    images: [
      { id: "hole", layer: "lnowhere", names: ["hole:1"] },
      ...whole.images,
      { id: "lost", layer: "llost" },
    ],
  });
  expect(await back()).toEqual({ prefix, chain: [a, b], cut: false });
  // Mounted, the segment would show them; so it is unpacked without.
  expect(listed()).toBe(lines(a));
  expect((await readStore(environment.graphRoot)).images).toEqual(whole.images);
  for (const id of ["hole", "lost"])
    expect(desk.log).toContain(`::warning::Image ${id} is left out: a layer that it stands on is missing\n`);
});

test.each<[string, (file: Buffer) => Buffer]>([
  ["empty", () => Buffer.alloc(0)],
  ["truncated", (file) => file.subarray(0, 400)],
  ["no squashfs", (file) => Buffer.alloc(file.length, "x")],
])("a segment that is %s ends the chain below it", async (_name, damage) => {
  await service.evict(chainKey(prefix, [a, b]));
  await saveLast([a, b], undefined, damage);
  expect(await back()).toEqual({ prefix, chain: [a], cut: true });
  expect(listed()).toBe(lines(a));
  expect(desk.log).toContain(`::warning::Segment ${b} cannot be read: `);
});

test("names of files outside of the store are none of a layer or an image", async () => {
  await service.evict(chainKey(prefix, [a, b]));
  await saveLast([a, b], { layers: [{ id: "../../evil" }], images: [] });
  expect(await back()).toEqual({ prefix, chain: [a], cut: true });
  expect(desk.log).toContain("an entry has no id of letters and digits");
});

test("a segment that was evicted ends the chain below it", async () => {
  await service.evict(chainKey(prefix, [a, b]));
  expect(await back()).toEqual({ prefix, chain: [a], cut: true });
  expect(listed()).toBe(lines(a));
});

test("without a cached store it starts empty", async () => {
  const other = prefix.replace("default", "other");
  const store = await bringBack(environment, other, temporary, false);
  expect(store).toEqual({ prefix: other, chain: [], cut: false });
  expect(desk.log).toContain("The image store starts empty\n");
  expect(existsSync(join(directory, "segments"))).toBe(false);
});

test("a cache that has keys of another make alone is one that cannot be used", async () => {
  const transit = transitDirectory(temporary);
  write(join(transit, "file"), "x");
  await saveCache([transit], `${prefix}of-somebody-else`);
  rmSync(transit, { recursive: true });
  expect(await back()).toEqual({ prefix, chain: [], cut: true });
});

test("a store with images of its own stays as it is", async () => {
  writeImages([{ id: "i1" }]);
  expect(await back()).toEqual({ prefix, chain: [], cut: false });
  expect(service.requests).toEqual([]);
  expect(existsSync(join(directory, "segments"))).toBe(false);
});

test("a store of an earlier job gets the segments back that it stands on, without the cache", async () => {
  writeImages([{ id: "i1" }]);
  await keep(environment.graphRoot, { prefix, chain: [a, b], unpacked: [] });
  expect(listed).toThrow("ENOENT");
  expect(await back()).toEqual({ prefix, chain: [a, b], cut: false });
  expect(listed()).toBe(lines(a, b));
  expect(service.requests).toEqual([]);
});

test("segments of an earlier job that are unpacked are not mounted, and one that cannot be ends the chain", async () => {
  writeImages([{ id: "i1" }]);
  await keep(environment.graphRoot, { prefix, chain: [a, b, c], unpacked: [a] });
  expect(await back()).toEqual({ prefix, chain: [a, b, c], cut: false });
  expect(listed()).toBe(lines(b, c));
  writeFileSync(join(directory, "refused"), `/.segments/${c}\n`);
  expect(await back()).toEqual({ prefix, chain: [a, b], cut: true });
  expect(listed()).toBe(lines(b));
});

test("a store that was cached by another name gets them too, and is not saved by this one", async () => {
  writeImages([{ id: "i1" }]);
  await keep(environment.graphRoot, { prefix: "other+", chain: [a], unpacked: [] });
  expect(await back()).toBeUndefined();
  expect(listed()).toBe(lines(a));
  expect(desk.log).toContain("It was cached by another name (other+); nothing of this job is saved\n");
});

test("a store of layers alone, as a job that was killed leaves it, stays as it is too", async () => {
  write(join(environment.graphRoot, "overlay-layers", "layers.json"), '[{"id":"l1"}]');
  expect(await back()).toEqual({ prefix, chain: [], cut: false });
  expect(service.requests).toEqual([]);
});

test("what was unpacked, but not listed before a kill, is brought back again", async () => {
  write(join(environment.graphRoot, "overlay", `l${a}`, "diff", "half"), "x");
  write(fileOf("old-segment"), "x");
  expect(await back(true)).toEqual({ prefix, chain: [a, b, c], cut: false });
  expect(await readStore(environment.graphRoot)).toEqual(joined([storeOf(a), storeOf(b, a), storeOf(c, b)]));
  expect(existsSync(fileOf("old-segment"))).toBe(false);
});

test("a cache service that fails is a warning and an empty store", async () => {
  service.fault = ({ kind }) => (kind === "lookup" ? { status: 403 } : undefined);
  expect(await back()).toEqual({ prefix, chain: [], cut: false });
  expect(desk.log).toContain("::warning::");
});

test("what goes wrong is a warning and an empty store", async () => {
  writeImages("[{");
  expect(await back()).toEqual({ prefix, chain: [], cut: true });
  expect(desk.log).toMatch(/^::warning::The image store starts empty: /m);
});
