import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { beforeEach, expect, test } from "@jest/globals";
import { fetchAhead, provideStore } from "../../src/cache/job.ts";
import { chainKey, keyPrefix } from "../../src/cache/key.ts";
import { transitDirectory } from "../../src/cache/restore.ts";
import type { CacheInputs, StorageDriver } from "../../src/inputs.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { segmentsDirectory } from "../../src/store/kept.ts";
import { useCacheDesk } from "../support/cache-desk.ts";
import { createCache } from "../support/inputs.ts";
import { storeOf, writeSegment, writeStore } from "../support/stores.ts";

const desk = useCacheDesk();
const digest = "aaaaaaaaaaaa";
const version = "5.8.2";
const prefix = keyPrefix({
  system: currentSystem(),
  podmanVersion: version,
  driver: "overlay",
  name: "default",
});
const matchedKey = chainKey(prefix, [digest]);

beforeEach(async () => {
  const transit = transitDirectory(desk.temporary);
  writeSegment(join(transit, `${digest}.squashfs`), storeOf(digest));
  await saveCache([transit], matchedKey);
  rmSync(transit, { recursive: true });
  desk.service.requests.length = 0;
  desk.log = "";
});

const ahead = (inputs: Partial<CacheInputs> = {}, driver: StorageDriver = "overlay") =>
  fetchAhead({ ...desk.namespace.environment, driver }, createCache(inputs), version, desk.temporary);

test("a cached store is fetched ahead, and not again when it is brought back", async () => {
  const { environment } = desk.namespace;
  const fetching = ahead();
  expect(await fetching.join()).toMatchObject({ found: { chain: [digest] } });
  expect(desk.service.requests).not.toEqual([]);
  desk.service.requests.length = 0;
  const inputs = createCache();
  expect(await provideStore(environment, inputs, version, desk.temporary, fetching)).toMatchObject({
    matchedKey,
    store: { prefix, chain: [digest], cut: false },
  });
  expect(desk.service.requests).toEqual([]);
});

test("no store by this name is looked for, and nothing is fetched", async () => {
  expect(await ahead({ name: "other" }).join()).toMatchObject({ found: { chain: [] }, segments: [] });
  expect(new Set(desk.service.requests.map(({ kind }) => kind))).toEqual(new Set(["lookup"]));
});

test.each<[string, Partial<CacheInputs>, NodeJS.ProcessEnv, StorageDriver]>([
  ["the input cache is false", { mode: "false" }, {}, "overlay"],
  ["the event is no reason to trust it", {}, { GITHUB_EVENT_NAME: "pull_request_target" }, "overlay"],
  ["the token may not read", { mode: "true" }, { ACTIONS_CACHE_MODE: "write-only" }, "overlay"],
  ["the job only looks up", { lookupOnly: true }, {}, "overlay"],
  ["the driver is vfs", {}, {}, "vfs"],
])("nothing is read where %s", async (_, inputs, env, driver) => {
  Object.assign(process.env, env);
  expect(await ahead(inputs, driver).join()).toBeUndefined();
  expect(desk.service.requests).toEqual([]);
  expect(existsSync(desk.namespace.environment.graphRoot)).toBe(false);
});

test("nothing is read where there is a store already", async () => {
  const { graphRoot } = desk.namespace.environment;
  writeStore(graphRoot, storeOf("bbbbbbbbbbbb"));
  expect(await ahead().join()).toBeUndefined();
  expect(desk.service.requests).toEqual([]);
  expect(existsSync(segmentsDirectory(graphRoot))).toBe(false);
});
