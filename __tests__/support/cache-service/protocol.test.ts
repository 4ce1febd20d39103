import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlockBlobClient } from "@azure/storage-blob";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type CacheService, startCacheService } from "./index.ts";
import { mintToken } from "./tokens.ts";

let directory: string;
let service: CacheService;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "cache-protocol-"));
  service = await startCacheService({ directory });
});

afterEach(async () => {
  await service.close();
  rmSync(directory, { recursive: true });
});

async function call(method: string, message: object, token = service.token()): Promise<[number, unknown]> {
  const response = await fetch(`${service.url}/twirp/github.actions.results.api.v1.CacheService/${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(message),
  });
  return [response.status, await response.json()];
}

async function uploadUrl(key: string): Promise<string> {
  const [, answer] = await call("CreateCacheEntry", { key, version: "v" });
  return (answer as { signed_upload_url: string }).signed_upload_url;
}

async function downloadUrl(key: string): Promise<string> {
  const [, answer] = await call("GetCacheEntryDownloadURL", { key, version: "v" });
  return (answer as { signed_download_url: string }).signed_download_url;
}

async function store(key: string, content: string): Promise<string> {
  const url = await uploadUrl(key);
  await new BlockBlobClient(url).upload(content, content.length);
  await call("FinalizeCacheEntryUpload", { key, version: "v", size_bytes: `${content.length}` });
  return url;
}

test("blocks are joined in the order of the list, not of arrival", async () => {
  const client = new BlockBlobClient(await uploadUrl("blocks"));
  const ids = ["a", "b", "?"].map((id) => Buffer.from(id.repeat(30)).toString("base64"));
  const [first = "", second = "", third = ""] = ids;
  await client.stageBlock(third, "3", 1);
  await client.stageBlock(second, "wrong", 5);
  await client.stageBlock(first, "1", 1);
  await client.stageBlock(second, "2", 1);
  const unknown = Buffer.from("z".repeat(30)).toString("base64");
  await expect(client.commitBlockList([first, unknown])).rejects.toMatchObject({ code: "InvalidBlockList" });
  await client.commitBlockList(ids);

  const finalize = { key: "blocks", version: "v" };
  expect(await call("FinalizeCacheEntryUpload", { ...finalize, size_bytes: 4 })).toMatchObject([
    200,
    { ok: false },
  ]);
  expect(await call("GetCacheEntryDownloadURL", finalize)).toEqual([200, { ok: false }]);
  expect(await call("FinalizeCacheEntryUpload", { ...finalize, size_bytes: "3" })).toEqual([
    200,
    { ok: true, entry_id: "1" },
  ]);
  expect(await (await fetch(await downloadUrl("blocks"))).text()).toBe("123");
});

test("a key is taken while it is reserved, an archive fixed once it is finalized", async () => {
  await uploadUrl("reserved");
  expect((await call("CreateCacheEntry", { key: "reserved", version: "v" }))[0]).toBe(409);
  const url = await store("done", "first");
  await expect(new BlockBlobClient(url).upload("later", 5)).rejects.toMatchObject({ statusCode: 409 });
  expect(await (await fetch(await downloadUrl("done"))).text()).toBe("first");
});

test("neither a foreign token nor an unsigned or borrowed URL gets anything", async () => {
  const upload = await store("key", "content");
  const foreign = mintToken(Buffer.alloc(32));
  expect(await call("GetCacheEntryDownloadURL", { key: "key", version: "v" }, foreign)).toMatchObject([
    401,
    { code: "unauthenticated" },
  ]);
  await store("other", "secret");
  const signed = await downloadUrl("key");
  const later = new URL(signed);
  later.searchParams.set("se", "2999-01-01T00:00:00.000Z");
  for (const url of [upload, signed.replace(/\?.*/, ""), signed.replace("/1?", "/2?"), later]) {
    expect((await fetch(url)).status).toBe(403);
  }
  expect((await fetch(signed)).status).toBe(200);
});

test("entries, reservations, tokens and URLs outlive the service", async () => {
  await store("key", "content");
  await uploadUrl("reserved");
  const token = service.token();
  const entries = service.entries();
  const url = new URL(await downloadUrl("key"));
  await service.close();
  // On another port, since fetch would try its kept connections to the old one first.
  service = await startCacheService({ directory });
  url.port = new URL(service.url).port;
  expect(service.entries()).toEqual(entries);
  expect((await call("CreateCacheEntry", { key: "reserved", version: "v" }, token))[0]).toBe(409);
  expect(await (await fetch(url)).text()).toBe("content");
});

test("ranges of an archive", async () => {
  await store("key", "0123456789");
  const url = await downloadUrl("key");
  const part = await fetch(url, { headers: { range: "bytes=2-4" } });
  expect([part.status, part.headers.get("content-range"), part.headers.get("content-length")]).toEqual([
    206,
    "bytes 2-4/10",
    "3",
  ]);
  expect(await part.text()).toBe("234");
  const azure = await fetch(url, { headers: { range: "bytes=0-0", "x-ms-range": "bytes=8-99" } });
  expect([azure.status, await azure.text()]).toEqual([206, "89"]);
  const beyond = await fetch(url, { headers: { range: "bytes=10-" } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  const head = await fetch(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
});
