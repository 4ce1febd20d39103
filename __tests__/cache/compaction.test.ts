import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { compactionReason, longestChain } from "../../src/cache/compaction.ts";
import { chainKey, parseChain } from "../../src/cache/key.ts";
import { fetchChain } from "../../src/cache/restore.ts";
import { type SaveSettings, saveStore } from "../../src/cache/save.ts";
import { inside } from "../../src/environment/environment.ts";
import { attach } from "../../src/store/attach.ts";
import { keep } from "../../src/store/kept.ts";
import { readSegment } from "../../src/store/segment.ts";
import type { Image, Store } from "../../src/store/store.ts";
import { useCacheDesk } from "../support/cache-desk.ts";
import { storeOf, write, writeSegment, writeStore } from "../support/stores.ts";

const parts = (...sizes: number[]): Store[] =>
  sizes.map((size, index) => ({ layers: [{ id: `l${index}`, "diff-size": size }], images: [] }));
const store = (size: number): Store => ({ layers: [{ id: "live", "diff-size": size }], images: [] });

test.each<[string, Store[], number, number, string | undefined]>([
  ["the first segment", parts(1000), 0, 5000, undefined],
  ["nothing at all", [], 0, 5000, undefined],
  ["a chain in use", parts(1000, 500), 1500, 900, undefined],
  ["half of it dead", parts(1000, 1000), 1000, 900, undefined],
  ["more than half of it dead", parts(1000, 1001), 1000, 900, "1.0 kB of its 2.0 kB are no longer used"],
  ["all of it dead", parts(2e6, 3e9), 0, 900, "3.0 GB of its 3.0 GB are no longer used"],
  ["as large as it may be", parts(1000, 500), 1500, 1000, undefined],
  ["too large", parts(1000, 500), 1500, 1001, "it takes 1.0 kB, and cache-max-size is 1.0 kB"],
  ["layers of unknown size", [...parts(0), { layers: [{ id: "x" }], images: [] }], 0, 0, undefined],
])("%s", (_case, all, live, size, reason) => {
  expect(compactionReason({ parts: all, live: store(live), size, limit: 1000 })).toBe(reason);
});

test("eight segments, and no more, with what is to be added", () => {
  const growth = (length: number) => ({
    parts: parts(...Array.from({ length }, () => 10)),
    live: store(10 * length),
    size: 10,
    limit: 1000,
  });
  expect(longestChain).toBe(8);
  expect(compactionReason(growth(8))).toBeUndefined();
  expect(compactionReason(growth(9))).toBe("it has 8 segments");
});

describe("a chain is made anew", () => {
  const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+";
  const desk = useCacheDesk();
  const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;

  /** A store stands on these segments, mounted or unpacked. */
  async function standOn(segments: ReadonlyMap<string, Store>, unpack = false): Promise<string[]> {
    const { environment } = desk.namespace;
    const files = [...segments].map(([digest, store]) => {
      const file = join(environment.graphRoot, "segments", `${digest}.squashfs`);
      writeSegment(file, store);
      return { digest, file };
    });
    const attached = await attach(environment, files, unpack);
    await keep(environment.graphRoot, { prefix, ...attached });
    return attached.chain;
  }

  const save = (chain: string[], settings: Partial<SaveSettings> = {}, cut = false, run = "1.1.job") =>
    saveStore(
      desk.namespace.environment,
      { prefix, chain, cut },
      { images: [], named: [], limit: 5e9, saveSeconds: 600, ...settings },
      desk.temporary,
      run,
    );

  /** What the cache's newest entry has, a chain of one. */
  async function newest(): Promise<{ digest: string; store: Store; file: string }> {
    const chain = parseChain(prefix, desk.keys().at(-1) ?? "") ?? [];
    expect(chain).toHaveLength(1);
    const [segment] = await fetchChain(prefix, chain, desk.temporary, join(desk.directory, "fetched"));
    if (segment === undefined) throw new Error("it was not fetched");
    return { ...segment, store: await readSegment(desk.namespace.environment, segment) };
  }

  const read = async (file: string, path: string) =>
    inside(desk.namespace.environment, "unsquashfs", ["-cat", file, path]);
  const sized = (id: string, size: number, parent?: string) => ({
    id,
    "diff-size": size,
    ...(parent !== undefined && { parent }),
  });

  test.each([
    ["mounted", false],
    ["unpacked", true],
  ])("of eight %s segments and what is new", async (_how, unpack) => {
    const digests = Array.from({ length: longestChain }, (_, index) => `${index + 1}`.padStart(12, "0"));
    const stores = new Map(digests.map((digest, index) => [digest, storeOf(digest, digests[index - 1])]));
    const chain = await standOn(stores, unpack);
    const added = storeOf(c, chain.at(-1));
    const own = unpack ? [...stores.values(), added] : [added];
    writeStore(desk.namespace.environment.graphRoot, {
      layers: own.flatMap(({ layers }) => layers),
      images: own.flatMap(({ images }) => images),
    });
    await save(chain);
    expect(desk.log).toContain("The chain is made anew: it has 8 segments\n");
    expect(desk.log).toContain("Packed 9 images and 9 layers into ");
    const { file, store } = await newest();
    expect(store.layers).toEqual([...stores.values(), added].flatMap(({ layers }) => layers));
    for (const { id } of store.layers) expect(await read(file, `overlay/${id}/diff/file of ${id}`)).toBe(id);

    // Another job that has grown the same chain by the same; and one that had not all of it.
    await save(chain, {}, false, "2.1.job");
    expect(desk.keys()).toHaveLength(1);
    expect(desk.log).toContain("already: nothing to save\n");
    await save(chain, {}, true, "3.1.job");
    expect(desk.keys()).toHaveLength(2);
    const mounts = await inside(desk.namespace.environment, "cat", ["/proc/self/mounts"]);
    expect(mounts).not.toContain(" /.join");
  });

  test("of which more than half is dead, without what is dead", async () => {
    const old: Image = { id: "old", layer: "o", names: ["app:1"] };
    const chain = await standOn(
      new Map([
        [a, { layers: [sized("base", 100)], images: [{ id: "base", layer: "base", names: ["base:1"] }] }],
        [b, { layers: [sized("o", 1000, "base")], images: [old] }],
      ]),
    );
    writeStore(desk.namespace.environment.graphRoot, {
      layers: [sized("n", 200, "base")],
      images: [{ id: "new", layer: "n", names: ["app:1"] }],
    });
    await save(chain);
    expect(desk.log).toContain("The chain is made anew: 1.0 kB of its 1.3 kB are no longer used\n");
    const { store, file } = await newest();
    expect(store.layers.map(({ id }) => id)).toEqual(["base", "n"]);
    expect(store.images.map(({ id }) => id)).toEqual(["base", "new"]);
    const files = await inside(desk.namespace.environment, "unsquashfs", ["-l", file]);
    expect(files).not.toContain("overlay/o");
    // What it was made from is part of its name: the same images, saved first of all, are another segment.
    expect(desk.keys()).not.toContain(chainKey(prefix, [a]));
  });

  test("that is too large, of what the job used or added", async () => {
    const chain = await standOn(
      new Map([
        [a, storeOf(a)],
        [b, storeOf(b)],
      ]),
    );
    writeStore(desk.namespace.environment.graphRoot, storeOf(c));
    const used = { Name: `${b}:1`, Status: "pull", Time: "2026-11-23T19:04:41Z", Type: "image" };
    write(join(desk.namespace.environment.directory, "events"), `${JSON.stringify(used)}\n`);
    // Each archive is a block of 4096 bytes: two are too many, one is not.
    await save(chain, { limit: 5000 });
    expect(desk.log).toContain("The chain is made anew: it takes 8.2 kB, and cache-max-size is 5.0 kB\n");
    const { store } = await newest();
    expect(store.images.map(({ id }) => id)).toEqual([`i${b}`, `i${c}`]);
    expect(store.layers.map(({ id }) => id)).toEqual([`l${b}`, `l${c}`]);
  });

  test("not at all, where nothing is new", async () => {
    const chain = await standOn(new Map([[a, storeOf(a)]]));
    await save(chain, { limit: 1000 });
    expect(desk.log).toContain("No new images: nothing to save\n");
    expect(desk.service.requests).toEqual([]);
  });
});
