export type TwirpKind = "create" | "finalize" | "lookup";
export type BlobKind = "putBlob" | "putBlock" | "putBlockList" | "getBlob" | "headBlob";

/** One request as tests see it, listed on arrival and filled in while it is served. */
export interface RequestRecord {
  method: string;
  /** Without the query, which holds the signature. */
  path: string;
  kind: TwirpKind | BlobKind | "unknown";
  /** The entry's key, or the primary key of a lookup. */
  key: string | undefined;
  /** Bytes of archive moved, up or down; 0 for everything that moves none. */
  bytes: number;
  /** The status answered; 0 while none is, and for a connection that was reset. */
  status: number;
}

/**
 * What goes wrong with a request. `status` answers with it, in the error format of the endpoint. `reset` breaks
 * the connection, `hang` leaves it open without an answer; both at once, or after so many bytes of a download.
 * `delay` waits (ms), then serves as usual. `bytesPerSecond` serves a download slowly. `alter` serves other bytes
 * than a download's own.
 */
export type Fault =
  | { status: number; message?: string; headers?: Record<string, string> }
  | { reset: true; afterBytes?: number }
  | { hang: true; afterBytes?: number }
  | { delay: number }
  | { bytesPerSecond: number }
  | { alter: (archive: Buffer) => Buffer };

/** What a request is aimed at. */
export type Route =
  | { api: "twirp"; kind: TwirpKind }
  | { api: "blob"; kind: BlobKind; id: number }
  | { api: "unknown"; kind: "unknown" };

const twirpMethods: Record<string, TwirpKind | undefined> = {
  CreateCacheEntry: "create",
  FinalizeCacheEntryUpload: "finalize",
  GetCacheEntryDownloadURL: "lookup",
};

/** The path of a blob's URL: account, container, blob, where the Azure SDK looks for them on a bare address. */
export function blobPath(id: number): string {
  return `/actions-cache/entries/${id}`;
}

/** Tells the three calls of the service and the five of the blob store apart. */
export function parseRoute(method: string, url: URL): Route {
  const unknown: Route = { api: "unknown", kind: "unknown" };
  const [, call] =
    /^\/twirp\/github\.actions\.results\.api\.v1\.CacheService\/(\w+)$/.exec(url.pathname) ?? [];
  if (call !== undefined) {
    const kind = method === "POST" ? twirpMethods[call] : undefined;
    return kind ? { api: "twirp", kind } : unknown;
  }
  const [, id] = /^\/actions-cache\/entries\/(\d+)$/.exec(url.pathname) ?? [];
  const kind = parseBlobKind(method, url.searchParams.get("comp"));
  return id !== undefined && kind ? { api: "blob", kind, id: Number(id) } : unknown;
}

function parseBlobKind(method: string, comp: string | null): BlobKind | undefined {
  switch (`${method} ${comp ?? ""}`) {
    case "PUT ":
      return "putBlob";
    case "PUT block":
      return "putBlock";
    case "PUT blocklist":
      return "putBlockList";
    case "GET ":
      return "getBlob";
    case "HEAD ":
      return "headBlob";
    default:
      return undefined;
  }
}
