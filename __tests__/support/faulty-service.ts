import { randomBytes } from "node:crypto";
import dns from "node:dns";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, jest } from "@jest/globals";
import {
  type CacheService,
  type Fault,
  type RequestRecord,
  startCacheService,
} from "./cache-service/index.ts";

// A cache service in which something goes wrong, and the place of a job that uses it; anew for each test of a file.

const variables = { ...process.env };
export const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+";
export const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
/** As on GitHub: for this host name the library downloads through the Azure SDK, and only for it. */
export const azure = "cache.blob.core.windows.net";
export const none = { chain: [], cut: false };
export let directory: string;
export let temporary: string;
export let service: CacheService;
export let log: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "service-faults-"));
  temporary = join(directory, "temp");
  mkdirSync(temporary);
  mkdirSync(join(directory, "work"));
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  const lookup = dns.lookup;
  jest
    .spyOn(dns, "lookup")
    .mockImplementation(((name: string, ...rest: [never, never]) =>
      lookup(name === azure ? "127.0.0.1" : name, ...rest)) as typeof dns.lookup);
});

afterEach(async () => {
  jest.restoreAllMocks();
  await service.close();
  process.env = { ...variables };
  rmSync(directory, { recursive: true });
});

export async function start(blobHost = "127.0.0.1"): Promise<void> {
  service = await startCacheService({ directory: join(directory, "service"), blobHost });
  delete process.env.GITHUB_SERVER_URL;
  delete process.env.ACTIONS_CACHE_MODE;
  const place = { RUNNER_TEMP: temporary, GITHUB_WORKSPACE: join(directory, "work") };
  Object.assign(process.env, service.environment(), place);
}

/** The library and we wait seconds and minutes; of a second or more, one part in so many will do. */
export function hurry(times = 20): void {
  const wait = globalThis.setTimeout;
  jest
    .spyOn(globalThis, "setTimeout")
    .mockImplementation(((act: () => void, ms = 0) =>
      wait(act, ms < 1000 ? ms : ms / times)) as typeof setTimeout);
}

/** Makes every request of a kind go wrong from now on, for one entry or for all. */
export function breaks(kind: RequestRecord["kind"], fault: Fault, key?: string): void {
  service.requests.length = 0;
  // What a test before has not waited for may say something still.
  log = "";
  service.fault = (request) =>
    request.kind === kind && (key === undefined || request.key === key) ? fault : undefined;
}

/**
 * Warnings and errors as people see them, annotations of the run. Not those of a call that a test before has not waited
 * for, whose service is gone.
 */
export const complaints = () =>
  log.split("\n").filter((line) => /^::(warning|error)(?!.*ECONNREFUSED)/.test(line));
export const tried = (kind: RequestRecord["kind"]) =>
  service.requests.filter((request) => request.kind === kind);

export function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

export const statuses = [
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [409, "Conflict"],
  [429, "Too Many Requests"],
  [500, "Internal Server Error"],
] as const;

const contents = new Map<string, Buffer>();
/** Bytes that zstd cannot make small, unlike any other digest's. */
export function contentOf(digest: string): Buffer {
  const content = contents.get(digest) ?? randomBytes(400_000);
  contents.set(digest, content);
  return content;
}
