import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { beforeEach, expect, test } from "@jest/globals";
import { noCache, provideStore } from "../../src/cache/job.ts";
import { chainKey, keyPrefix } from "../../src/cache/key.ts";
import { transitDirectory } from "../../src/cache/restore.ts";
import type { CacheInputs, StorageDriver } from "../../src/inputs.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { readKept } from "../../src/store/kept.ts";
import { useCacheDesk } from "../support/cache-desk.ts";
import { createCache } from "../support/inputs.ts";
import { storeOf, writeSegment } from "../support/stores.ts";

const desk = useCacheDesk();
const [a, b] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] as const;
const prefixOf = (name = "default", podmanVersion = "5.8.2") =>
  keyPrefix({ system: currentSystem(), podmanVersion, driver: "overlay", name });
const prefix = prefixOf();
const matchedKey = chainKey(prefix, [a, b]);

/** Saves the last segment of a chain. */
async function saveLast(chain: readonly string[], keysPrefix = prefix): Promise<void> {
  const transit = transitDirectory(desk.temporary);
  const digest = chain.at(-1) ?? "";
  writeSegment(join(transit, `${digest}.squashfs`), storeOf(digest, chain.at(-2)));
  await saveCache([transit], chainKey(keysPrefix, chain));
  rmSync(transit, { recursive: true });
}

beforeEach(async () => {
  for (const chain of [[a], [a, b]]) await saveLast(chain);
  desk.service.requests.length = 0;
  desk.log = "";
});

const provide = (inputs: Partial<CacheInputs> = {}, version = "5.8.2", driver: StorageDriver = "overlay") =>
  provideStore({ ...desk.namespace.environment, driver }, createCache(inputs), version, desk.temporary);
const nothing = () => {
  expect(desk.service.requests).toEqual([]);
  expect(existsSync(desk.namespace.environment.graphRoot)).toBe(false);
};

test("a cached store is brought back, and to be saved by post", async () => {
  expect(await provide()).toEqual({
    prefix,
    matchedKey,
    size: 2 * 4096,
    segments: [a, b].map((digest) => ({ digest, size: 4096, way: expect.anything(), from: "cache" })),
    store: { prefix, chain: [a, b], cut: false },
  });
  expect(desk.log).toContain("The image store is back: 8.2 kB in 2 segments\n");
  expect(await readKept(desk.namespace.environment.graphRoot)).toMatchObject({ unpacked: [] });
});

test("what post saves goes on from what was brought back, not from what was found", async () => {
  await saveLast([a, b, "cccccccccccc"]);
  await desk.service.evict(matchedKey);
  expect(await provide()).toMatchObject({
    matchedKey: chainKey(prefix, [a]),
    store: { chain: [a], cut: true },
  });
});

test.each([
  ["an older podman's store", { podmanVersion: "5.2.9" }, {}],
  ["the input cache-restore", { podmanVersion: "5.8.2" }, { unpack: true }],
])("%s is unpacked", async (_case, { podmanVersion }, inputs) => {
  if (podmanVersion === "5.2.9") await saveLast([a], prefixOf("default", podmanVersion));
  const { store } = await provide(inputs, podmanVersion);
  expect(await readKept(desk.namespace.environment.graphRoot)).toMatchObject({ unpacked: store?.chain });
  expect(store?.chain[0]).toBe(a);
});

test("an older podman's log says why", async () => {
  await provide({}, "4.9.3");
  expect(desk.log).toContain(
    "Segments are unpacked, not mounted: podman 4.9.3 cannot build on read-only image stores\n",
  );
});

test("no store by this name is an empty one, which post saves", async () => {
  expect(await provide({ name: "other" })).toEqual({
    prefix: prefixOf("other"),
    matchedKey: "",
    size: 0,
    segments: [],
    cold: true,
    store: { prefix: prefixOf("other"), chain: [], cut: false },
  });
});

test.each<[string, Partial<CacheInputs>, NodeJS.ProcessEnv, string]>([
  ["the input", { mode: "false" }, {}, "the input cache is false"],
  ["the event", {}, { GITHUB_EVENT_NAME: "release" }, "the event is release"],
  ["the token", { mode: "true" }, { ACTIONS_CACHE_MODE: "none" }, "the job's token may not use the cache"],
])("%s says no: the cache is left alone", async (_case, inputs, env, why) => {
  Object.assign(process.env, env);
  expect(await provide(inputs)).toEqual({ ...noCache, why });
  expect(desk.log).toBe(`The image store is not brought back: ${why}\n`);
  nothing();
});

test("the vfs driver has nothing to cache, and a warning says so", async () => {
  expect(await provide({}, "5.8.2", "vfs")).toEqual({
    ...noCache,
    why: expect.stringMatching(/^the vfs driver/),
  });
  expect(desk.log).toMatch(/^::warning::The image store is not cached: the vfs driver keeps .*\n$/);
  nothing();
});

test.each<[string, Partial<CacheInputs>, NodeJS.ProcessEnv]>([
  ["input", { mode: "read-only" }, {}],
  ["token", {}, { ACTIONS_CACHE_MODE: "read" }],
])("a read-only %s brings the store back, and post saves nothing", async (what, inputs, env) => {
  Object.assign(process.env, env);
  const cache = await provide(inputs);
  expect(cache).toMatchObject({ prefix, matchedKey, size: 2 * 4096, why: expect.stringContaining(what) });
  expect(cache.store).toBeUndefined();
  expect(desk.log).toMatch(new RegExp(`^The image store is only read: the .*${what}`));
});

test("a token that may only write brings nothing back, and post saves a chain that is newer", async () => {
  process.env.ACTIONS_CACHE_MODE = "write-only";
  const store = { prefix, chain: [], cut: true };
  expect(await provide()).toEqual({ ...noCache, prefix, store, why: expect.anything() });
  nothing();
});

test("a look-up tells, and does no more", async () => {
  const why = "lookup-only is true";
  expect(await provide({ lookupOnly: true })).toEqual({ ...noCache, prefix, matchedKey, why });
  expect(desk.service.requests.map(({ kind }) => kind)).toEqual(["lookup"]);
  expect(await provide({ lookupOnly: true, name: "other" })).toEqual({
    prefix: prefixOf("other"),
    matchedKey: "",
    size: 0,
    segments: [],
    why,
  });
  expect(existsSync(desk.namespace.environment.graphRoot)).toBe(false);
});

test.each<[string, Partial<CacheInputs>, NodeJS.ProcessEnv, string]>([
  ["no store", { name: "other" }, {}, ` by the name ${prefixOf("other")}`],
  ["no store, by a look-up", { name: "other", lookupOnly: true }, {}, ` by the name ${prefixOf("other")}`],
  ["no cache", {}, { GITHUB_EVENT_NAME: "release" }, ""],
])("the job fails for want of a store, when it is to: %s", async (_case, inputs, env, name) => {
  Object.assign(process.env, env);
  await expect(provide({ ...inputs, failOnMiss: true })).rejects.toThrow(
    new Error(
      `No cached image store${name} was found. Run a job that saves one first, or set fail-on-cache-miss to false.`,
    ),
  );
});

test("a store that is there is no miss", async () => {
  expect(await provide({ failOnMiss: true })).toMatchObject({ matchedKey });
});
