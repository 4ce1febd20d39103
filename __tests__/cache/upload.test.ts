import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { restoreCache } from "@actions/cache";
import { expect, jest, test } from "@jest/globals";
import { clearTransit, fetchEntry, transitDirectory } from "../../src/cache/restore.ts";
import { upload } from "../../src/cache/upload.ts";
import { useCacheDesk } from "../support/cache-desk.ts";
import { write } from "../support/stores.ts";

const desk = useCacheDesk();

const pack = async (to: string) => writeFileSync(join(to, "segment"), "bytes");

test("a segment is saved, alone, and nothing stays in the transit directory", async () => {
  const transit = transitDirectory(desk.temporary);
  write(join(transit, "left over"), "of a restore");
  expect(await upload("key-1", desk.temporary, pack)).toEqual({ key: "key-1", bytes: 5 });
  expect(desk.log).toContain("Saved key-1\n");
  expect(existsSync(transit)).toBe(false);
  expect(await restoreCache([transit], "key-1")).toBe("key-1");
  expect(readdirSync(transit)).toEqual(["segment"]);
  await clearTransit(desk.temporary);
  expect(existsSync(transit)).toBe(false);
  await clearTransit(desk.temporary);
});

test("other users can read it neither before it is saved nor when it is back", async () => {
  const transit = transitDirectory(desk.temporary);
  const modes: number[] = [];
  const look = () => modes.push(statSync(transit).mode & 0o777);
  await upload("key-1", desk.temporary, async (to) => {
    look();
    await pack(to);
  });
  const file = join(desk.temporary, "segment");
  expect(await fetchEntry("key-1", [file], desk.temporary)).toBeUndefined();
  look();
  expect(modes).toEqual([0o700, 0o700]);
  expect(readFileSync(file, "utf8")).toBe("bytes");
});

test("what the cache has is not packed", async () => {
  await upload("key-1", desk.temporary, pack);
  desk.service.requests.length = 0;
  const again = jest.fn(pack);
  expect(await upload("key-1", desk.temporary, again)).toEqual({
    why: "The cache has key-1 already: nothing to save",
  });
  expect(again).not.toHaveBeenCalled();
  expect(desk.service.requests.map(({ kind }) => kind)).toEqual(["lookup"]);
  expect(desk.log).toContain("The cache has key-1 already: nothing to save\n");
});

test("a longer key that the service gives for one that is missing does not count", async () => {
  await upload("key-10", desk.temporary, pack);
  expect(await upload("key-1", desk.temporary, pack)).toEqual({ key: "key-1", bytes: 5 });
  expect(desk.keys()).toEqual(["key-10", "key-1"]);
});

test("packing that fails is an error, and nothing of it is saved or left", async () => {
  const fails = async (to: string) => {
    await pack(to);
    throw new Error("disk full");
  };
  await expect(upload("key-1", desk.temporary, fails)).rejects.toThrow(new Error("disk full"));
  expect(desk.keys()).toEqual([]);
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
});

test("a save that the service refuses is an error, and nothing is left", async () => {
  process.env.ACTIONS_RUNTIME_TOKEN = desk.service.token({ permission: "read" });
  await expect(upload("key-1", desk.temporary, pack)).rejects.toThrow("the key cannot be reserved: (403)");
  expect(desk.log).not.toContain("Saved ");
  expect(desk.keys()).toEqual([]);
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
});

test("a job that another one has outrun since it looked saves nothing, and does not fail", async () => {
  const outrun = async (to: string) => {
    expect(await upload("key-1", desk.temporary, pack)).toEqual({ key: "key-1", bytes: 5 });
    mkdirSync(to);
    await pack(to);
  };
  expect(await upload("key-1", desk.temporary, outrun)).toEqual({
    why: "The cache service has key-1 in hand, of another job: nothing to save",
  });
  expect(desk.keys()).toEqual(["key-1"]);
});
