import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { beforeEach, expect, test } from "@jest/globals";
import { chainKey } from "../../src/cache/key.ts";
import { fetchChain, findChain, transitDirectory } from "../../src/cache/restore.ts";
import type { CacheService } from "../support/cache-service/index.ts";
import { useJobDesk } from "../support/job-desk.ts";

const desk = useJobDesk();
const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+";
const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
let directory: string;
let temporary: string;
let segments: string;
let service: CacheService;

beforeEach(() => {
  ({ directory, temporary, service } = desk);
  segments = join(directory, "new", "segments");
});

/** Saves an entry with these files, as a job does with a segment of this name that it has packed. */
async function save(key: string, ...names: string[]): Promise<void> {
  const transit = transitDirectory(temporary);
  mkdirSync(transit);
  for (const name of names) writeFileSync(join(transit, name), `${name} of ${key}`);
  expect(await saveCache([transit], key)).toBeGreaterThan(0);
  rmSync(transit, { recursive: true });
}

/** Saves the last segment of a chain. */
const saveLast = (chain: readonly string[]) => save(chainKey(prefix, chain), `${chain.at(-1)}.squashfs`);

async function saveChain(chain: readonly string[]): Promise<void> {
  for (let length = 1; length <= chain.length; length += 1) await saveLast(chain.slice(0, length));
}

const fetchAll = (chain: readonly string[]) => fetchChain(prefix, chain, temporary, segments);
const warnings = () => desk.log.split("\n").filter((line) => line.startsWith("::warning::"));
const segment = (digest: string) => ({ digest, file: join(segments, `${digest}.squashfs`), fetched: true });
const lookups = () => service.requests.filter(({ kind }) => kind === "lookup");

test("a chain of three is found by its prefix and fetched by its keys, each segment from its entry", async () => {
  await saveChain([a, b, c]);
  service.requests.length = 0;
  expect(await findChain(prefix, temporary)).toEqual({ chain: [a, b, c], cut: false });
  expect(service.requests.map(({ kind }) => kind)).toEqual(["lookup"]);

  service.requests.length = 0;
  expect(await fetchAll([a, b, c])).toEqual([segment(a), segment(b), segment(c)]);
  const keys = [[a], [a, b], [a, b, c]].map((chain) => chainKey(prefix, chain));
  expect(
    lookups()
      .map(({ key }) => key)
      .sort(),
  ).toEqual(keys.sort());
  for (const [index, digest] of [a, b, c].entries()) {
    const key = chainKey(prefix, [a, b, c].slice(0, index + 1));
    expect(readFileSync(segment(digest).file, "utf8")).toBe(`${digest}.squashfs of ${key}`);
  }
  // Nothing is left that would be saved along with the next segment.
  expect(existsSync(transitDirectory(temporary))).toBe(false);
  expect(warnings()).toEqual([]);
});

test("segments are fetched side by side", async () => {
  await saveChain([a, b, c]);
  let waiting = 0;
  let most = 0;
  service.fault = ({ kind }) => {
    if (kind !== "getBlob") return undefined;
    waiting += 1;
    most = Math.max(most, waiting);
    setTimeout(() => {
      waiting -= 1;
    }, 250);
    return { delay: 300 };
  };
  expect(await fetchAll([a, b, c])).toHaveLength(3);
  expect(most).toBe(3);
});

test("the newest chain is found, not the longest", async () => {
  await saveChain([a, b]);
  await saveLast([c]);
  expect(await findChain(prefix, temporary)).toEqual({ chain: [c], cut: false });
});

test("without a cached store there is no chain", async () => {
  await save(chainKey(prefix.replace("default", "other"), [a]), `${a}.squashfs`);
  expect(await findChain(prefix, temporary)).toEqual({ chain: [], cut: false });
  expect(await fetchAll([])).toEqual([]);
  expect(warnings()).toEqual([]);
});

test.each([
  ["first", [a], []],
  ["middle", [a, b], [a]],
  ["last", [a, b, c], [a, b]],
])("a chain whose %s link was evicted is cut there", async (_, evicted, left) => {
  await saveChain([a, b, c]);
  await service.evict(chainKey(prefix, evicted));
  expect(await fetchAll([a, b, c])).toEqual(left.map(segment));
  expect(warnings()).toEqual([
    `::warning::Segment ${evicted.at(-1)} is no longer in the cache; the image store starts with what is below it`,
  ]);
});

test("a link that cannot be downloaded cuts the chain too", async () => {
  await saveChain([a, b]);
  const { id } = service.entries().find(({ key }) => key === chainKey(prefix, [a, b])) ?? { id: 0 };
  service.fault = ({ path }) => (path.endsWith(`/${id}`) ? { status: 404 } : undefined);
  expect(await fetchAll([a, b])).toEqual([segment(a)]);
  expect(warnings()).toEqual([expect.stringMatching(`^::warning::Segment ${b} cannot be fetched: `)]);
});

test("an entry that does not hold its segment cuts the chain, in words", async () => {
  await saveLast([a]);
  await save(chainKey(prefix, [a, b]), `${c}.squashfs`);
  expect(await fetchAll([a, b])).toEqual([segment(a)]);
  expect(warnings()[0]).toContain(`Segment ${b} is not in its cache entry (`);
  expect(existsSync(segment(b).file)).toBe(false);
});

test("a longer key that the service gives for one that is missing is not believed", async () => {
  await save(`${chainKey(prefix, [a])}-other`, `${a}.squashfs`);
  expect(await fetchAll([a])).toEqual([]);
});

test("a chain of any length is found: that it grows no more is post's affair", async () => {
  const digests = Array.from({ length: 30 }, (_, index) => `${index}`.padStart(12, "0"));
  await saveLast(digests);
  expect(await findChain(prefix, temporary)).toEqual({ chain: digests, cut: false });
});

test("a segment that an earlier job on this machine has fetched is not asked for", async () => {
  await saveChain([a, b]);
  mkdirSync(segments, { recursive: true });
  writeFileSync(segment(a).file, "from before");
  service.requests.length = 0;
  const { fetched: _, ...here } = segment(a);
  expect(await fetchAll([a, b])).toEqual([here, segment(b)]);
  expect(lookups().map(({ key }) => key)).toEqual([chainKey(prefix, [a, b])]);
  expect(readFileSync(segment(a).file, "utf8")).toBe("from before");
});

test("a key of another make under the prefix is a warning", async () => {
  await saveLast([a]);
  await save(`${prefix}of-somebody-else`, "file");
  expect(await findChain(prefix, temporary)).toEqual({ chain: [], cut: true });
  expect(warnings()).toEqual([
    `::warning::The cache has the key ${prefix}of-somebody-else, which is not one of this version's; the image store starts empty`,
  ]);
});

test("without a cache service there is a warning and no chain", async () => {
  delete process.env.ACTIONS_RESULTS_URL;
  expect(await findChain(prefix, temporary)).toEqual({ chain: [], cut: false });
  expect(warnings()).toEqual([
    "::warning::No cache service here: the image store starts empty, and nothing is saved",
  ]);
});

test("entries of another temporary directory are another version's", async () => {
  await saveLast([a]);
  const other = join(directory, "other");
  mkdirSync(other);
  process.env.RUNNER_TEMP = other;
  expect(await findChain(prefix, other)).toEqual({ chain: [], cut: false });
  expect(await fetchChain(prefix, [a], other, segments)).toEqual([]);
});
