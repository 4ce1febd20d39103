import { join } from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import { type JobDesk, useJobDesk } from "./job-desk.ts";
import { type Namespace, startNamespace } from "./namespace.ts";

/** A job's desk with a namespace in which segments can be mounted. */
export interface CacheDesk extends JobDesk {
  namespace: Namespace;
}

/** Gives each test of a file a cache service, a namespace, and this process the variables of a job. */
export function useCacheDesk(): CacheDesk {
  let desk = {} as CacheDesk;
  // Before the directory goes, in which its files are: hooks run in the order in which they are given.
  afterEach(() => desk.namespace.close());
  desk = useJobDesk() as CacheDesk;
  beforeEach(async () => {
    desk.namespace = await startNamespace(join(desk.directory, "environment"));
  });
  return desk;
}
