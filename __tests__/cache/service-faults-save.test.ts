import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { chainKey } from "../../src/cache/key.ts";
import { findChain, transitDirectory } from "../../src/cache/restore.ts";
import { upload } from "../../src/cache/upload.ts";
import { within } from "../../src/deadline.ts";
import type { Fault, RequestRecord } from "../support/cache-service/index.ts";
import {
  a,
  b,
  breaks,
  complaints,
  contentOf,
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

describe("a save", () => {
  const key = chainKey(prefix, [a]);
  const packed: string[] = [];
  const save = (name = key) =>
    upload(name, temporary, async (transit) => {
      packed.push(name);
      write(join(transit, `${a}.squashfs`), contentOf(a));
    });
  const ready = () => service.entries().filter(({ state }) => state === "ready");
  beforeEach(async () => {
    packed.length = 0;
    await start();
  });

  /** It is an error in one line, which post makes a warning of; nothing of it is left, here or for later jobs. */
  async function fails(kind: RequestRecord["kind"], fault: Fault, words: string): Promise<void> {
    breaks(kind, fault);
    hurry();
    await expect(within("hang" in fault ? 20 : 600, "Saving", save())).rejects.toThrow(words);
    expect(complaints()).toEqual([]);
    expect(tried(kind).length).toBeGreaterThan(0);
    expect(ready()).toEqual([]);
    if (!("hang" in fault)) expect(existsSync(transitDirectory(temporary))).toBe(false);
    jest.mocked(globalThis.setTimeout).mockRestore();
    service.fault = undefined;
  }

  const faults: [string, Fault, string][] = [
    ...statuses.map(([status, text]): [string, Fault, string] => [
      `${status}`,
      { status },
      `(${status}) ${text}`,
    ]),
    ["a reset", { reset: true }, "ECONNRESET"],
    ["no answer", { hang: true }, "Saving took longer than 20 s"],
  ];

  test.each(faults.slice(0, -1))("that meets %s at its lookup packs nothing", async (_name, fault, words) => {
    await fails("lookup", fault, words);
    expect(packed).toEqual([]);
  });

  test("that meets no answer at its lookup packs nothing", async () => {
    await fails("lookup", { hang: true }, "took longer than");
    expect(packed).toEqual([]);
  });

  test.each(faults.filter(([name]) => name !== "409"))(
    "that meets %s when it begins says why, and the next one is whole",
    async (_name, fault, words) => {
      await fails("create", fault, words);
      expect(log).not.toContain("another job");
      expect(await save()).toHaveProperty("key");
      expect(ready()).toHaveLength(1);
    },
  );

  // Without an answer it goes on until the process ends: see the jobs end to end.
  test.each(faults.slice(0, -1))("that meets %s at its upload", async (_name, fault) => {
    await fails(
      "putBlob",
      fault,
      "hang" in fault ? "Saving took longer" : "reset" in fault ? "ECONNRESET" : "injected",
    );
    // The service keeps the key of an upload that was begun, for a day; another key is free.
    expect(await save()).toHaveProperty("why");
    expect(await save(chainKey(prefix, [b]))).toHaveProperty("key");
    expect(await findChain(prefix, temporary)).toEqual({ chain: [b], cut: false });
  });

  test.each(faults)("that meets %s when it ends", async (_name, fault, words) => {
    await fails("finalize", fault, words);
    expect(await findChain(prefix, temporary)).toEqual(none);
  });

  test("of a key that another job saves just now: no fault, and nothing is saved twice", async () => {
    breaks("create", { status: 409 });
    expect(await save()).toHaveProperty("why");
    expect(complaints()).toEqual([]);
    expect(ready()).toEqual([]);
  });

  test("a longer key that the service gives for the one to be saved is not believed", async () => {
    await save(`${key}-other`);
    expect(await save()).toHaveProperty("key");
  });

  test("without a place for the library's archive", async () => {
    await save();
    process.env.RUNNER_TEMP = join(service.archive(key), "no", "directory");
    await expect(save(chainKey(prefix, [b]))).rejects.toThrow(/ENOTDIR/);
    expect(existsSync(transitDirectory(temporary))).toBe(false);
  });
});
