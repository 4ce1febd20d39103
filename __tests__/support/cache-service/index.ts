import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Blobs } from "./blobs.ts";
import { Catalog } from "./catalog.ts";
import type { Entry } from "./entries.ts";
import { listen } from "./listener.ts";
import type { Fault, RequestRecord } from "./requests.ts";
import { loadSecret, mintToken, type TokenOptions } from "./tokens.ts";
import type { WriteDenial } from "./twirp.ts";

export type { Entry } from "./entries.ts";
export type { Fault, RequestRecord } from "./requests.ts";
export type { TokenOptions } from "./tokens.ts";
export type { WriteDenial } from "./twirp.ts";

export interface CacheServiceOptions {
  /** Holds entries, archives and the signing key; made when missing, kept when the service closes. */
  directory: string;
  /** Default: any free port. */
  port?: number;
  /** Address to listen on and to name in URLs. Default: 127.0.0.1. */
  host?: string;
  /**
   * Host name in the URLs of archives. With one under `.blob.core.windows.net`, which the caller has to make
   * resolve to `host`, @actions/cache downloads through the Azure SDK, as on GitHub. Default: `host`.
   */
  blobHost?: string;
  /** How saves with a read-only token are refused. Default: `status`. */
  writeDenial?: WriteDenial;
}

/** A running stand-in for GitHub's cache service. */
export interface CacheService {
  readonly url: string;
  /** Every request so far, oldest first. Tests may empty it. */
  readonly requests: RequestRecord[];
  /** Asked about every request; what it returns goes wrong. */
  fault: ((request: RequestRecord) => Fault | undefined) | undefined;
  /** A bearer token this service accepts, also after a restart on the same directory. */
  token(options?: TokenOptions): string;
  /** The variables that make @actions/cache of a job use this service. */
  environment(options?: TokenOptions): Record<string, string>;
  /** Copies of all entries, oldest first, reservations included. */
  entries(): Entry[];
  /** The file of an entry's archive, to look into or to damage; the newest, if several scopes have the key. */
  archive(key: string): string;
  /** Deletes the entries of this key, in every scope and version, as GitHub does when space is short. */
  evict(key: string): Promise<void>;
  /** Stops listening and breaks open connections. */
  close(): Promise<void>;
}

/** Starts a cache service that speaks GitHub's v2 protocol. Rejects when the port is taken. */
export async function startCacheService(options: CacheServiceOptions): Promise<CacheService> {
  const directory = resolve(options.directory);
  mkdirSync(directory, { recursive: true });
  const catalog = new Catalog(directory);
  const blobs = new Blobs(directory);
  const secret = loadSecret(directory);
  const { port = 0, host = "127.0.0.1", blobHost = host, writeDenial = "status" } = options;
  const requests: RequestRecord[] = [];

  const listener = await listen({
    catalog,
    blobs,
    secret,
    port,
    host,
    blobHost,
    writeDenial,
    onRequest(record) {
      requests.push(record);
    },
    fault: (record) => service.fault?.(record),
  });

  const service: CacheService = {
    url: listener.url,
    requests,
    fault: undefined,
    token: (tokenOptions) => mintToken(secret, tokenOptions),
    environment: (tokenOptions) => ({
      ACTIONS_CACHE_SERVICE_V2: "true",
      ACTIONS_RESULTS_URL: `${listener.url}/`,
      ACTIONS_RUNTIME_TOKEN: mintToken(secret, tokenOptions),
    }),
    entries: () => catalog.entries.map((entry) => ({ ...entry })),
    archive(key) {
      const entry = catalog.entries.findLast((one) => one.key === key);
      if (entry === undefined) throw new Error(`The cache has no entry ${key}`);
      return blobs.path(entry.id);
    },
    async evict(key) {
      for (const entry of catalog.entries.filter((one) => one.key === key)) {
        catalog.remove(entry);
        await blobs.remove(entry.id);
      }
    },
    close: listener.close,
  };
  return service;
}
