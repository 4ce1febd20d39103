import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Blobs } from "./blobs.ts";
import type { Entry } from "./entries.ts";
import { parseRange } from "./ranges.ts";
import { azureError, meter, type Reply } from "./replies.ts";
import type { BlobKind, RequestRecord } from "./requests.ts";

export interface BlobContext {
  blobs: Blobs;
  /** The entry the blob belongs to, its signature already checked. */
  entry: Entry;
  request: IncomingMessage;
  query: URLSearchParams;
  record: RequestRecord;
}

/**
 * Answers as Azure's blob store does to Put Blob, Put Block, Put Block List, Get Blob and Get Blob Properties.
 * https://learn.microsoft.com/en-us/rest/api/storageservices/operations-on-block-blobs
 */
export async function callBlob(kind: BlobKind, context: BlobContext): Promise<Reply> {
  const { blobs, entry, request, query, record } = context;
  if (kind === "getBlob" || kind === "headBlob") return download(kind, context);
  if (entry.state === "ready") {
    return azureError(409, "BlobImmutableDueToPolicy", "The entry is finalized and cannot change.");
  }
  switch (kind) {
    case "putBlob":
      if (request.headers["x-ms-blob-type"] !== "BlockBlob") {
        return azureError(400, "InvalidHeaderValue", "x-ms-blob-type must be BlockBlob.");
      }
      await blobs.put(entry.id, meter(request, record));
      return created(entry);
    case "putBlock": {
      const block = query.get("blockid");
      if (!block) return azureError(400, "MissingRequiredQueryParameter", "blockid is required.");
      await blobs.putBlock(entry.id, block, meter(request, record));
      return created(entry);
    }
    case "putBlockList": {
      const committed = await blobs.commit(entry.id, parseBlockList(await text(request)));
      return committed
        ? created(entry)
        : azureError(400, "InvalidBlockList", "The specified block list is invalid.");
    }
  }
}

/** The block ids of a Put Block List body, in order. */
export function parseBlockList(xml: string): string[] {
  return [...xml.matchAll(/<(Latest|Uncommitted|Committed)>([^<]*)<\/\1>/g)].map(([, , id = ""]) =>
    id.trim(),
  );
}

async function download(kind: "getBlob" | "headBlob", context: BlobContext): Promise<Reply> {
  const { blobs, entry, request } = context;
  const size = await blobs.size(entry.id);
  if (size === undefined || entry.state !== "ready") {
    return azureError(404, "BlobNotFound", "The specified blob does not exist.");
  }
  const headers = {
    ...describe(entry),
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
    "x-ms-blob-type": "BlockBlob",
  };
  if (kind === "headBlob")
    return { status: 200, headers: { ...headers, "content-length": `${size}` }, body: "" };

  // Azure heeds x-ms-range first: https://learn.microsoft.com/en-us/rest/api/storageservices/specifying-the-range-header-for-blob-service-operations
  const wanted = request.headers["x-ms-range"]?.toString() ?? request.headers.range;
  const range = parseRange(wanted, size);
  if (range === "unsatisfiable") {
    const error = azureError(416, "InvalidRange", "The range specified is invalid for the blob.");
    return { ...error, headers: { ...error.headers, "content-range": `bytes */${size}` } };
  }
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const body: Readable | string = size === 0 ? "" : blobs.read(entry.id, start, end);
  const length = { "content-length": `${end - start + 1}` };
  return range
    ? {
        status: 206,
        headers: { ...headers, ...length, "content-range": `bytes ${start}-${end}/${size}` },
        body,
      }
    : { status: 200, headers: { ...headers, ...length }, body };
}

function created(entry: Entry): Reply {
  return { status: 201, headers: { ...describe(entry), "content-length": "0" }, body: "" };
}

// The SDK refuses a download without an etag: it sends it along when it resumes.
function describe(entry: Entry): Record<string, string> {
  return {
    etag: `"0x${entry.id.toString(16)}"`,
    "last-modified": new Date(entry.createdAt).toUTCString(),
    "x-ms-version": "2021-12-02",
  };
}
