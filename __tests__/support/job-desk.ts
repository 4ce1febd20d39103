import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, jest } from "@jest/globals";
import { type CacheService, startCacheService } from "./cache-service/index.ts";

/** What each test of a file has anew. Not to be looked into before the tests run. */
export interface JobDesk {
  /** Removed after the test. */
  directory: string;
  /** RUNNER_TEMP. */
  temporary: string;
  /** The one that @actions/cache finds in this process's variables. */
  service: CacheService;
  /** What was written to standard output. */
  log: string;
  /** The keys that are in the cache, oldest first. */
  keys(): string[];
}

/** Gives each test of a file a cache service, and this process the variables of a job. */
export function useJobDesk(): JobDesk {
  const variables = { ...process.env };
  const desk = { keys: () => desk.service.entries().map(({ key }) => key) } as JobDesk;

  beforeEach(async () => {
    desk.directory = mkdtempSync(join(tmpdir(), "job-desk-"));
    desk.temporary = join(desk.directory, "temp");
    for (const name of ["temp", "work"]) mkdirSync(join(desk.directory, name));
    desk.log = "";
    jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      desk.log += chunk;
      return true;
    });
    // Those of a runner that runs these tests are none of theirs.
    for (const name of ["SERVER_URL", "EVENT_NAME", "REF_TYPE"]) delete process.env[`GITHUB_${name}`];
    delete process.env.ACTIONS_CACHE_MODE;
    desk.service = await startCacheService({ directory: join(desk.directory, "service") });
    Object.assign(process.env, desk.service.environment(), {
      RUNNER_TEMP: desk.temporary,
      GITHUB_WORKSPACE: join(desk.directory, "work"),
    });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    process.env = { ...variables };
    await desk.service.close();
    // Work that a test has given up may still write there.
    rmSync(desk.directory, { recursive: true, maxRetries: 20, retryDelay: 100 });
  });

  return desk;
}
