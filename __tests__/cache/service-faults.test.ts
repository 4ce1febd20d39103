import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { describe, expect, jest, test } from "@jest/globals";
import { chainKey } from "../../src/cache/key.ts";
import { fetchChain, findChain, transitDirectory } from "../../src/cache/restore.ts";
import type { Fault, RequestRecord } from "../support/cache-service/index.ts";
import {
  a,
  azure,
  b,
  breaks,
  c,
  complaints,
  contentOf,
  directory,
  hurry,
  log,
  none,
  prefix,
  service,
  start,
  statuses,
  temporary,
  tried,
  write,
} from "../support/faulty-service.ts";

describe("a lookup", () => {
  test.each<[string, Fault, string]>([
    ...statuses.map(([status, text]): [string, Fault, string] => [
      `${status}`,
      { status },
      `(${status}) ${text}`,
    ]),
    ["429 with a time", { status: 429, headers: { "retry-after": "60" } }, "(429) Too Many Requests"],
    ["a reset", { reset: true }, "ECONNRESET"],
    ["no answer", { hang: true }, "took longer than"],
  ])("%s: one warning, and the store starts empty", async (_name, fault, words) => {
    await start();
    breaks("lookup", fault);
    hurry();
    expect(await findChain(prefix, temporary)).toEqual(none);
    expect(complaints()).toEqual([expect.stringContaining(words)]);
    expect(complaints()[0]).toMatch(/the image store starts empty$/);
    expect(log).not.toContain("The cache has nothing");
  });

  test("an answer that is none of the service's", async () => {
    await start();
    // The blob side answers in XML, as a proxy would with a page of its own.
    process.env.ACTIONS_RESULTS_URL = `${service.url}/`;
    service.fault = () => ({ status: 200, message: "hello" });
    hurry();
    expect(await findChain(prefix, temporary)).toEqual(none);
  });

  test("a fault that passes is none", async () => {
    await start();
    await saveSegment([a]);
    service.requests.length = 0;
    service.fault = () => (service.requests.length < 3 ? { status: 503 } : undefined);
    hurry(100);
    expect(await findChain(prefix, temporary)).toEqual({ chain: [a], cut: false });
    expect(complaints()).toEqual([]);
  });
});

/** Saves a segment's entry: not a real one, but of the size that a small one has. */
async function saveSegment(chain: readonly string[]): Promise<void> {
  const transit = transitDirectory(temporary);
  const digest = chain.at(-1) ?? "";
  write(join(transit, `${digest}.squashfs`), contentOf(digest));
  expect(await saveCache([transit], chainKey(prefix, chain))).toBeGreaterThan(0);
  rmSync(transit, { recursive: true });
}

const segments = () => join(directory, "segments");
const fetchAll = () => fetchChain(prefix, [a, b, c], temporary, segments());
const fileOf = (digest: string) => join(segments(), `${digest}.squashfs`);
/** Nothing is there but the segment below the fault: not half of one, nor one that stands on nothing. */
function expectOnly(digest: string): void {
  expect(readFileSync(fileOf(digest)).equals(contentOf(digest))).toBe(true);
  const transit = transitDirectory(temporary);
  expect(existsSync(transit) ? readdirSync(transit) : []).toEqual([]);
}

async function startWithChain(blobHost?: string): Promise<void> {
  await start(blobHost);
  for (const chain of [[a], [a, b], [a, b, c]]) await saveSegment(chain);
}

describe("a download", () => {
  const half = (archive: Buffer) => archive.subarray(0, archive.length / 2);
  const flipped = (archive: Buffer) => {
    const copy = Buffer.from(archive);
    const middle = copy.length >> 1;
    copy.writeUInt8(copy.readUInt8(middle) ^ 1, middle);
    return copy;
  };
  const faults: [string, Fault][] = [
    ...statuses.map(([status]): [string, Fault] => [`${status}`, { status }]),
    ["a reset", { reset: true }],
    ["a reset on the way", { reset: true, afterBytes: 150_000 }],
    ["no answer", { hang: true }],
    ["an answer that stops on the way", { hang: true, afterBytes: 150_000 }],
  ];
  const damages: [string, Fault][] = [
    ["half of the archive", { alter: half }],
    ["a bit that is flipped", { alter: flipped }],
    ["no bytes", { alter: () => Buffer.alloc(0) }],
    ["bytes of something else", { alter: (archive) => Buffer.alloc(archive.length, "<html>") }],
    ["another entry's bytes", { alter: () => readFileSync(service.archive(chainKey(prefix, [a, b, c]))) }],
  ];
  const ends = async (fault: Fault, kind: RequestRecord["kind"] = "getBlob") => {
    breaks(kind, fault, chainKey(prefix, [a, b]));
    hurry("hang" in fault ? 400 : 20);
    expect(await fetchAll()).toEqual([{ digest: a, file: fileOf(a), fetched: true }]);
    expect(complaints()).toEqual([
      expect.stringMatching(`^::warning::Segment ${b} .*; the image store starts with what is below it$`),
    ]);
    expect(complaints()[0]).not.toContain("no longer in the cache");
    expect(tried(kind).length).toBeGreaterThan(0);
    expectOnly(a);
  };

  test.each([...faults, ...damages])("%s: one warning, and the chain ends below", async (_name, fault) => {
    await startWithChain();
    await ends(fault);
  });

  test.each(faults)("from Azure, %s", async (_name, fault) => {
    await startWithChain(azure);
    await ends(fault);
  });

  test.each(faults.filter(([, fault]) => !("afterBytes" in fault)))(
    "from Azure, at its size: %s",
    async (_name, fault) => {
      await startWithChain(azure);
      await ends(fault, "headBlob");
    },
  );

  test("slow, but on its way", async () => {
    await startWithChain();
    breaks("getBlob", { bytesPerSecond: 1_000_000 }, chainKey(prefix, [a, b]));
    expect(await fetchAll()).toHaveLength(3);
    expect(complaints()).toEqual([]);
  });

  test("after a fault the same chain is whole again", async () => {
    await startWithChain();
    await ends({ status: 403 });
    jest.mocked(globalThis.setTimeout).mockRestore();
    service.fault = undefined;
    expect(await fetchAll()).toHaveLength(3);
    for (const digest of [a, b, c]) expectOnly(digest);
  });
});
