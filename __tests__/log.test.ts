import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { formatBytes, inert, info, lastWords, linesOf, stage, stageTimes } from "../src/log.ts";

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

test.each([
  ["trace: one\n::set-output name=podman::/evil", "trace: one\n: :set-output name=podman::/evil"],
  ["::add-mask::e", ": :add-mask::e"],
  [" \t ::stop-commands::x", " \t : :stop-commands::x"],
  ["one\r::set-env name=A::b", "one\n: :set-env name=A::b"],
  ["one\u0085::debug::b", "one\n: :debug::b"],
  ["one\u2028::debug::b", "one\n: :debug::b"],
  ["\u00a0\u2003::debug::b", "\u00a0\u2003: :debug::b"],
  // Compared by a culture, these are nothing.
  ["\u200d::debug::b", ": :debug::b"],
  [":\u00ad:debug::b", ": :debug::b"],
  ["\u0000::debug::b", ": :debug::b"],
  ["\u001b[31m::debug::b", ": :debug::b"],
  ["an image ##[add-mask]e", "an image ## [add-mask]e"],
  ["#\ufeff#[set-output name=podman]/evil", "## [set-output name=podman]/evil"],
  ["###[x]", "### [x]"],
  ["a::b, std::vector\tand #1", "a::b, std::vector\tand #1"],
  ["café 日本\n\n  two", "café 日本\n\n  two"],
])("%j is no command to the runner", (text, shown) => {
  expect(inert(text)).toBe(shown);
  info(text);
  expect(log).toBe(`${shown}\n`);
});

test("all else in src/ shows texts by it", () => {
  const root = join(import.meta.dirname, "../src");
  const raw = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== "log.ts")
    .filter((name) => {
      const text = readFileSync(join(root, name), "utf8");
      return /import \{[^}]*\b(info|notice)\b[^}]*\} from "@actions\/core"|import \* as \w+ from "@actions\/core"|console\.log/.test(
        text,
      );
    });
  expect(raw).toEqual([]);
});
