import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { salted, writeContent } from "./content.ts";

let scratch = "";
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "content-"));
});
afterEach(() => rmSync(scratch, { recursive: true }));

test("each block ends in noise, and the rest stays", () => {
  const zeros = Buffer.alloc(10_000);
  const data = salted(zeros, "a");
  expect(data.length).toBe(zeros.length);
  for (const [start, kept, end] of [
    [0, 3584, 4096],
    [4096, 7680, 8192],
    [8192, 9774, 10_000],
  ] as const) {
    expect(data.subarray(start, kept).every((byte) => byte === 0)).toBe(true);
    const noise = data.subarray(kept, end);
    expect(deflateSync(noise).length).toBeGreaterThan(noise.length);
  }
});

test("the same salt gives the same bytes, another one others", () => {
  const data = Buffer.from("some text, and some more of it".repeat(100));
  expect(salted(data, "a")).toEqual(salted(data, "a"));
  expect(salted(data, "a")).not.toEqual(salted(data, "b"));
  expect(salted(Buffer.alloc(0), "a")).toEqual(Buffer.alloc(0));
});

test("files are copied round after round, each time with other bytes, until there are enough", async () => {
  mkdirSync(join(scratch, "from/sub"), { recursive: true });
  writeFileSync(join(scratch, "from/a"), "x".repeat(100));
  writeFileSync(join(scratch, "from/sub/b"), "y".repeat(50));
  symlinkSync("a", join(scratch, "from/link"));
  await writeContent(join(scratch, "from"), join(scratch, "to"), 320, "salt");
  const read = (path: string) => readFileSync(join(scratch, "to", path));
  expect([read("0/a").length, read("0/sub/b").length, read("1/a").length]).toEqual([100, 50, 100]);
  expect([read("1/sub/b").length, read("2/a").length]).toEqual([50, 20]);
  expect(read("0/a")).not.toEqual(read("1/a"));
  expect(() => read("0/link")).toThrow("ENOENT");
});

test("a source without files is an error, not an endless loop", async () => {
  mkdirSync(join(scratch, "from"));
  const writing = writeContent(join(scratch, "from"), join(scratch, "to"), 1, "salt");
  await expect(writing).rejects.toThrow("has no files");
});
