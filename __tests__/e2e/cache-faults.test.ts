import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Fault, RequestRecord } from "../support/cache-service/index.ts";
import type { Machine } from "../support/machine/machine.ts";
import { changeSegment, madeSegment } from "../support/world/cache-entry.ts";
import {
  type CacheJobOptions,
  cacheJob,
  expectGreen,
  forget,
  segmentFiles,
  warnings,
  wasWarm,
  work,
} from "../support/world/cache-job.ts";
import { openWorld, type World } from "../support/world/world.ts";

jest.setTimeout(300_000);

let world: World;
let machine: Machine;
let run = 0;
beforeAll(async () => {
  world = await openWorld();
  machine = await world.machine("faults");
}, 900_000);
afterAll(() => world.close());
afterEach(() => {
  world.cache.fault = undefined;
});

/** A job on a machine that has no store. */
async function job(name: string, options: CacheJobOptions = {}, text?: string) {
  await forget(machine);
  run += 1;
  const inputs = { "cache-key": name, ...options.inputs };
  return await cacheJob(world, machine, [work(world, text)], { run, ...options, inputs });
}

const keys = (name: string) =>
  world.cache
    .entries()
    .filter(({ key, state }) => state === "ready" && key.includes(`-${name}+`))
    .map(({ key }) => key);

const breaks = (kind: RequestRecord["kind"], fault: Fault) => {
  world.cache.fault = (request) => (request.kind === kind ? fault : undefined);
};

/** The job after a fault has a whole cache, and nothing to complain of. */
async function expectWarm(name: string, said: string[] = []): Promise<void> {
  world.cache.fault = undefined;
  const next = await job(name);
  expectGreen(next, world);
  expect({ warm: wasWarm(next), warnings: warnings(next) }).toEqual({ warm: true, warnings: said });
}

describe("the service", () => {
  beforeAll(async () => {
    expectGreen(await job("service"), world);
    expect(keys("service")).toHaveLength(1);
  });

  test.each<[string, RequestRecord["kind"], Fault, string]>([
    ["403 to lookups", "lookup", { status: 403 }, "(403) Forbidden"],
    ["404 to downloads", "getBlob", { status: 404 }, "cannot be fetched"],
    ["a reset of downloads on the way", "getBlob", { reset: true, afterBytes: 100_000 }, "cannot be fetched"],
  ])("%s: the job starts colder", async (_name, kind, fault, words) => {
    breaks(kind, fault);
    const result = await job("service");
    expectGreen(result, world);
    expect(warnings(result)[0]).toContain(words);
    expect(result.step("work").log).toContain("no transit");
    expect(wasWarm(result)).toBe(false);
    expect(result.step("podman").outputs["cache-hit"]).toBe("false");
    expect(await segmentFiles(machine)).toEqual([]);
    await expectWarm("service");
  });

  test("no answer to an upload: saving is given up in time, and the next job's own changes are saved", async () => {
    breaks("putBlob", { hang: true });
    const result = await job("upload", { inputs: { "cache-save-timeout": "8" } });
    expectGreen(result, world);
    expect(warnings(result)).toEqual([
      expect.stringMatching(/^The image store is not saved: Saving took longer than 8 s/),
    ]);
    world.cache.fault = undefined;
    expectGreen(await job("upload", {}, "two"), world);
    expect(keys("upload")).toHaveLength(1);
  });
});

describe("a segment that is damaged", () => {
  const flip = (at: (segment: Buffer) => number) => (segment: Buffer) => {
    const copy = Buffer.from(segment);
    randomBytes(64).copy(copy, at(copy));
    return copy;
  };
  /** Where the superblock of a squashfs says that the inode of its root is: the block of the table, behind its length. */
  const root = (segment: Buffer) =>
    Number(segment.readBigUInt64LE(64) + (segment.readBigUInt64LE(32) >> 16n)) + 2;
  const name = "segment";
  beforeAll(async () => {
    expectGreen(await job(name), world);
  });

  // A change in its files alone is what the archive's checksum is for: see cache/service-faults.test.ts.
  test.each<[string, (segment: Buffer) => Buffer]>([
    ["truncated", (segment) => segment.subarray(0, segment.length / 2)],
    ["empty", () => Buffer.alloc(0)],
    ["changed in its superblock", flip(() => 32)],
    ["changed in its tables", flip(root)],
    [
      "a store of a foreign shape",
      () => madeSegment({ "vfs/dir/x": "x", "overlay-layers/layers.json": "{}" }),
    ],
    [
      "a store whose layers have no files",
      () =>
        madeSegment({
          "overlay-layers/layers.json": '[{"id":"aa"}]',
          "overlay-images/images.json": '[{"id":"bb","layer":"aa","names":["localhost/one:latest"]}]',
        }),
    ],
  ])("%s: the job starts colder", async (_name, change) => {
    changeSegment(world.cache, keys(name).at(-1) ?? "", change);
    const result = await job(name);
    expectGreen(result, world);
    expect(warnings(result).length).toBeGreaterThan(0);
    expect(wasWarm(result)).toBe(false);
    // A segment that can be read stays in the chain, with what it lacks.
    await expectWarm(
      name,
      warnings(result).filter((line) => line.endsWith("a layer that it stands on is missing")),
    );
  });
});
