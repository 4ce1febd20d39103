import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { formatBytes, lastWords, linesOf, stage, stageTimes } from "../src/log.ts";

let log: string;

beforeEach(() => {
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

test.each([
  [0, "0 B"],
  [1, "1 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [1500, "1.5 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [1_000_000, "1.0 MB"],
  [373_000_000, "373.0 MB"],
  [999_999_999, "1.0 GB"],
  [1_000_000_000, "1.0 GB"],
  [2.5e12, "2.5 TB"],
  [7e15, "7000.0 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  ["", [], ""],
  ["\n \n\t\n", [], ""],
  ["one", ["one"], "one"],
  ["one\n\n  two \n", ["one", "  two "], "one;   two "],
  ["one\ntwo\nthree\n \nfour\n\n", ["one", "two", "three", "four"], "two; three; four"],
])("of %j the lines are %j, and the last words %j", (text, lines, words) => {
  expect(linesOf(text)).toEqual(lines);
  expect(lastWords(text)).toBe(words);
});

test("a stage is a group of the log with its time after it, and gives what its work gives", async () => {
  expect(await stage("Nix", async () => 42)).toBe(42);
  expect(log).toMatch(/^::group::Nix\n::endgroup::\nNix: 0\.\d s\n$/);
});

test("a stage that fails ends its group too, and says so", async () => {
  await expect(stage("Nix", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(log).toMatch(/^::group::Nix\n::endgroup::\nNix: failed after 0\.\d s\n$/);
});

test("the times of the stages are known after them, of those that failed too", async () => {
  const before = stageTimes().length;
  const begun = Date.now();
  await stage("Good", () => new Promise((resolve) => setTimeout(resolve, 50)));
  await stage("Bad", () => Promise.reject(new Error("no"))).catch(() => {});
  const [good, bad, ...rest] = stageTimes().slice(before);
  expect([good, bad]).toMatchObject([
    { name: "Good", failed: false },
    { name: "Bad", failed: true },
  ]);
  expect(rest).toEqual([]);
  expect(good?.begin).toBeGreaterThanOrEqual(begun);
  expect((good?.end ?? 0) - (good?.begin ?? 0)).toBeGreaterThanOrEqual(49);
  expect(bad?.end).toBeLessThanOrEqual(Date.now());
});
