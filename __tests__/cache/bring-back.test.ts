import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { saveCache } from "@actions/cache";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { bringBack, keyOf } from "../../src/cache/bring-back.ts";
import { chainKey } from "../../src/cache/key.ts";
import { transitDirectory } from "../../src/cache/restore.ts";
import type { Environment } from "../../src/environment/environment.ts";
import { keep, readKept } from "../../src/store/kept.ts";
import { type CacheService, startCacheService } from "../support/cache-service/index.ts";

const variables = { ...process.env };
const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default-";
const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
let directory: string;
let temporary: string;
let environment: Environment;
let service: CacheService;
let log: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "bring-back-"));
  temporary = join(directory, "temp");
  mkdirSync(temporary);
  mkdirSync(join(directory, "work"));
  // Stands in for enter.sh: mounts nothing, and refuses what is listed in the file "refused". No process has
  // the holder's number, so the kernel's mount is refused always.
  const script = join(directory, "enter.sh");
  writeFileSync(script, `for one; do last=$one; done\n! grep -qxF "$last" "${directory}/refused"\n`);
  writeFileSync(join(directory, "refused"), "");
  writeFileSync(join(directory, "holder"), "0 1 boot\n");
  const graphRoot = join(directory, "storage");
  environment = { script, rootfs: "/", graphRoot, driver: "overlay", directory, podman: "/bin/false" };
  service = await startCacheService({ directory: join(directory, "service") });
  delete process.env.GITHUB_SERVER_URL;
  delete process.env.ACTIONS_CACHE_MODE;
  const place = { RUNNER_TEMP: temporary, GITHUB_WORKSPACE: join(directory, "work") };
  Object.assign(process.env, service.environment(), place);
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  for (const chain of [[a], [a, b], [a, b, c]]) await saveLast(chain);
  service.requests.length = 0;
});

afterEach(async () => {
  jest.restoreAllMocks();
  process.env = { ...variables };
  await service.close();
  rmSync(directory, { recursive: true });
});

async function saveLast(chain: readonly string[]): Promise<void> {
  const transit = transitDirectory(temporary);
  mkdirSync(transit);
  writeFileSync(join(transit, `${chain.at(-1)}.squashfs`), "segment");
  expect(await saveCache([transit], chainKey(prefix, chain))).toBeGreaterThan(0);
  rmSync(transit, { recursive: true });
}

function writeImages(images: unknown): void {
  const file = join(environment.graphRoot, "overlay-images", "images.json");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof images === "string" ? images : JSON.stringify(images));
}

const fileOf = (digest: string) => join(environment.graphRoot, "segments", `${digest}.squashfs`);
const listed = () => readFileSync(join(directory, "segments"), "utf8");
const lines = (...digests: string[]) => digests.map((one) => `${fileOf(one)} /.segments/${one}\n`).join("");

test("a cached store is mounted, listed for the environment, and kept with the store", async () => {
  const store = await bringBack(environment, prefix, temporary);
  expect(store).toEqual({ prefix, chain: [a, b, c], cut: false });
  expect(store && keyOf(store)).toBe(chainKey(prefix, [a, b, c]));
  expect(listed()).toBe(lines(a, b, c));
  expect(await readKept(environment.graphRoot)).toEqual({ prefix, chain: [a, b, c] });
  for (const digest of [a, b, c]) expect(readFileSync(fileOf(digest), "utf8")).toBe("segment");
});

test("a segment that cannot be mounted ends the chain below it", async () => {
  writeFileSync(join(directory, "refused"), `/.segments/${b}\n`);
  // The directory is made all the same: only mounting is to fail.
  const script = readFileSync(environment.script, "utf8");
  writeFileSync(environment.script, `case " $* " in *" mkdir "*) exit 0 ;; esac\n${script}`);
  expect(await bringBack(environment, prefix, temporary)).toEqual({ prefix, chain: [a], cut: true });
  expect(listed()).toBe(lines(a));
  expect(await readKept(environment.graphRoot)).toEqual({ prefix, chain: [a] });
  expect(log).toContain(`::warning::Segment ${b} cannot be mounted`);
});

test("a segment that was evicted ends the chain below it", async () => {
  await service.evict(chainKey(prefix, [a, b]));
  expect(await bringBack(environment, prefix, temporary)).toEqual({ prefix, chain: [a], cut: true });
  expect(listed()).toBe(lines(a));
});

test("without a cached store it starts empty, and with no key", async () => {
  const other = `${prefix}other-`;
  const store = await bringBack(environment, other, temporary);
  expect(store).toEqual({ prefix: other, chain: [], cut: false });
  expect(store && keyOf(store)).toBe("");
});

test("a store with images of its own stays as it is", async () => {
  writeImages([{ id: "i1" }]);
  expect(await bringBack(environment, prefix, temporary)).toEqual({ prefix, chain: [], cut: false });
  expect(service.requests).toEqual([]);
  expect(existsSync(join(directory, "segments"))).toBe(false);
});

test("a store of an earlier job gets the segments back that it stands on, without the cache", async () => {
  writeImages([{ id: "i1" }]);
  await keep(environment.graphRoot, { prefix, chain: [a, b] });
  expect(await bringBack(environment, prefix, temporary)).toEqual({ prefix, chain: [a, b], cut: false });
  expect(listed()).toBe(lines(a, b));
  expect(service.requests).toEqual([]);
});

test("a store that was cached by another name gets them too, and is not saved by this one", async () => {
  writeImages([{ id: "i1" }]);
  await keep(environment.graphRoot, { prefix: "other-", chain: [a] });
  expect(await bringBack(environment, prefix, temporary)).toBeUndefined();
  expect(listed()).toBe(lines(a));
});

test("what goes wrong is a warning and an empty store", async () => {
  writeImages("[{");
  expect(await bringBack(environment, prefix, temporary)).toEqual({ prefix, chain: [], cut: true });
  expect(log).toMatch(/^::warning::The image store starts empty: /m);
});
