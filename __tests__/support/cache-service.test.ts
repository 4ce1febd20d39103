import { createHash, randomFillSync } from "node:crypto";
import dns from "node:dns";
import {
  closeSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { restoreCache, saveCache } from "@actions/cache";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type CacheService, startCacheService, type TokenOptions } from "./cache-service/index.ts";

const mebibyte = 1024 * 1024;
const environment = { ...process.env };
let directory: string;
let work: string;
let service: CacheService;
let log: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "cache-service-"));
  work = join(directory, "work");
  mkdirSync(join(directory, "temp"));
  mkdirSync(work);
  service = await startCacheService({ directory: join(directory, "service") });
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  runAs();
});

afterEach(async () => {
  jest.restoreAllMocks();
  process.env = { ...environment };
  await service.close();
  rmSync(directory, { recursive: true });
});

/** Makes @actions/cache the client of a job with this token. */
function runAs(token?: TokenOptions): void {
  delete process.env.GITHUB_SERVER_URL;
  delete process.env.ACTIONS_CACHE_MODE;
  process.env.RUNNER_TEMP = join(directory, "temp");
  process.env.GITHUB_WORKSPACE = work;
  Object.assign(process.env, service.environment(token));
}

function write(content: string, name = "file"): string {
  writeFileSync(join(work, name), content);
  return join(work, name);
}

async function save(key: string, content: string): Promise<number> {
  return saveCache([write(content)], key);
}

/** What a restore brings back: the key it matched and the content it left behind. */
async function restore(key: string, restoreKeys: string[] = []): Promise<[string, string] | undefined> {
  const file = write("before");
  const matched = await restoreCache([file], key, restoreKeys);
  return matched === undefined ? undefined : [matched, readFileSync(file, "utf8")];
}

async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** The library waits seconds between attempts; a hundredth will do. */
function hurry(): void {
  const wait = globalThis.setTimeout;
  jest
    .spyOn(globalThis, "setTimeout")
    .mockImplementation(((act: () => void, ms?: number) => wait(act, (ms ?? 0) / 100)) as typeof setTimeout);
}

const kinds = () => service.requests.map(({ kind }) => kind);

test("a saved entry comes back", async () => {
  expect(await save("key", "content")).toBe(1);
  expect(await restore("key")).toEqual(["key", "content"]);
  expect(kinds()).toEqual(["create", "putBlob", "finalize", "lookup", "getBlob"]);
  const [entry] = service.entries();
  expect(entry).toMatchObject({ id: 1, key: "key", scope: "refs/heads/main", state: "ready" });
  const archive = { key: "key", bytes: entry?.size };
  expect(service.requests).toMatchObject([
    { key: "key", bytes: 0, status: 200 },
    { method: "PUT", ...archive, status: 201 },
    { key: "key", bytes: 0, status: 200 },
    { key: "key", bytes: 0, status: 200 },
    { method: "GET", ...archive, status: 200 },
  ]);
});

test("an archive of 160 MiB goes up in blocks and comes down in ranges, as on Azure", async () => {
  // Only for this host name does the library download through the Azure SDK; nobody else resolves it.
  const blobHost = "cache.blob.core.windows.net";
  const lookup = dns.lookup;
  jest
    .spyOn(dns, "lookup")
    .mockImplementation(((name: string, ...rest: [never, never]) =>
      lookup(name === blobHost ? "127.0.0.1" : name, ...rest)) as typeof dns.lookup);
  await service.close();
  service = await startCacheService({ directory: join(directory, "service"), blobHost });
  runAs();

  const file = join(work, "file");
  const descriptor = openSync(file, "w");
  for (let i = 0; i < 10; i++) writeSync(descriptor, randomFillSync(Buffer.alloc(16 * mebibyte)));
  closeSync(descriptor);
  const before = await sha256(file);

  expect(await saveCache([file], "large")).toBe(1);
  expect(kinds().sort()).toEqual(["create", "finalize", "putBlock", "putBlock", "putBlock", "putBlockList"]);
  const [entry] = service.entries();
  expect(service.requests.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(entry?.size);

  rmSync(file);
  service.requests.length = 0;
  expect(await restoreCache([file], "large")).toBe("large");
  expect(await sha256(file)).toBe(before);
  expect(kinds().slice(0, 2)).toEqual(["lookup", "headBlob"]);
  const parts = service.requests.filter(({ kind }) => kind === "getBlob");
  expect(parts.length).toBeGreaterThan(30);
  expect(new Set(parts.map(({ status }) => status))).toEqual(new Set([206]));
}, 120_000);

test("an entry cannot be saved twice, nor while another job saves it", async () => {
  await save("key", "first");
  service.requests.length = 0;
  expect(await save("key", "second")).toBe(-1);
  expect(service.requests).toMatchObject([{ kind: "create", status: 409, bytes: 0 }]);
  expect(log).toContain("another job may be creating this cache");
  expect(await restore("key")).toEqual(["key", "first"]);
});

test("a prefix brings the newest entry, a longer key answers a shorter one, other paths match nothing", async () => {
  for (const name of ["a-1", "b-1", "a-2"]) await save(name, name);
  expect(await restore("c", ["b-", "a-"])).toEqual(["b-1", "b-1"]);
  expect(await restore("a-3", ["a-"])).toEqual(["a-2", "a-2"]);
  expect(await restore("a")).toEqual(["a-2", "a-2"]);
  expect(await restore("a-1")).toEqual(["a-1", "a-1"]);
  expect(await restoreCache([write("", "other")], "a-1")).toBeUndefined();
  await service.evict("a-2");
  expect(await restore("a-3", ["a-"])).toEqual(["a-1", "a-1"]);
});

test("lookupOnly downloads nothing", async () => {
  await save("key-1", "content");
  service.requests.length = 0;
  expect(await restoreCache([write("before")], "key", [], { lookupOnly: true })).toBe("key-1");
  expect(kinds()).toEqual(["lookup"]);
});

test("a branch reads its own entries, then the default branch's, and never a sibling's", async () => {
  await save("key", "main");
  runAs({ scope: "refs/heads/topic" });
  expect(await restore("key")).toEqual(["key", "main"]);
  expect(await save("key", "topic")).toBe(2);
  expect(await restore("key")).toEqual(["key", "topic"]);
  runAs({ scope: "refs/heads/sibling" });
  expect(await restore("key")).toEqual(["key", "main"]);
  runAs({ scope: "refs/heads/sibling", readScopes: [] });
  expect(await restore("key")).toBeUndefined();
  expect(log).toContain("cache read denied:");
});

test("a read-only token restores and cannot save", async () => {
  await save("key", "content");
  runAs({ permission: "read" });
  expect(await restore("key")).toEqual(["key", "content"]);
  service.requests.length = 0;
  expect(await save("other", "content")).toBe(-1);
  expect(service.requests).toMatchObject([{ kind: "create", status: 403 }]);
  expect(service.entries()).toHaveLength(1);
});

test("a read-only token can be refused in the words the library knows", async () => {
  await service.close();
  service = await startCacheService({ directory: join(directory, "service"), writeDenial: "message" });
  runAs({ permission: "read" });
  expect(await save("key", "content")).toBe(-1);
  expect(kinds()).toEqual(["create"]);
  expect(log).toMatch(/::warning::Failed to save: .* More details: cache write denied:/);
});

test("an entry outlives the service", async () => {
  await save("key", "content");
  await service.close();
  service = await startCacheService({ directory: join(directory, "service") });
  runAs();
  expect(await restore("key")).toEqual(["key", "content"]);
  expect(await save("key", "other")).toBe(-1);
});

test.each([
  ["503 to every lookup", "lookup", { status: 503 }, 5],
  ["a reset at lookup", "lookup", { reset: true }, 1],
  ["503 to every download", "getBlob", { status: 503 }, 2],
  ["a download that breaks off", "getBlob", { reset: true, afterBytes: 100_000 }, 1],
] as const)("%s is no more than a miss", async (_, kind, fault, attempts) => {
  await save("key", randomFillSync(Buffer.alloc(mebibyte)).toString("base64"));
  service.fault = (request) => (request.kind === kind ? fault : undefined);
  hurry();
  expect(await restore("key")).toBeUndefined();
  expect(kinds().filter((one) => one === kind)).toHaveLength(attempts);
  expect(log).toContain("Failed to restore: ");
  expect(service.requests.at(-1)?.bytes).toBe("afterBytes" in fault ? fault.afterBytes : 0);
});

test("a fault can pass, be slow, or never end", async () => {
  service.fault = () => (service.requests.length === 1 ? { status: 503 } : { delay: 50 });
  hurry();
  expect(await save("key", "content")).toBe(1);
  expect(service.requests.map(({ status }) => status)).toEqual([503, 200, 201, 200]);
  service.fault = () => ({ hang: true });
  await expect(fetch(service.url, { signal: AbortSignal.timeout(200) })).rejects.toThrow("timeout");
  expect(service.requests.at(-1)).toMatchObject({ kind: "unknown", status: 0 });
});
