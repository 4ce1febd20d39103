import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { RequestRecord } from "./requests.ts";

/** What to answer. A stream is an archive, counted; its length has to be in the headers. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string | Readable;
}

/** A Twirp answer, or error if `message` is `{ code, msg }`: https://twitchtv.github.io/twirp/docs/errors.html */
export function jsonReply(status: number, message: object): Reply {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(message) };
}

/** An error as Azure's blob store words it; the SDK reads the code from the header. */
export function azureError(status: number, code: string, message: string): Reply {
  return {
    status,
    headers: { "content-type": "application/xml", "x-ms-error-code": code },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

/** Sends `reply`; with a `limit`, only so many bytes of a streamed body, and then the connection ends. */
export async function send(
  reply: Reply,
  response: ServerResponse,
  record: RequestRecord,
  limit?: number,
): Promise<void> {
  record.status = reply.status;
  response.writeHead(reply.status, reply.headers);
  if (typeof reply.body === "string") {
    response.end(reply.body);
  } else if (limit === undefined) {
    await pipeline(meter(reply.body, record), response);
  } else {
    await pipeline(meter(cut(reply.body, limit), record), response, { end: false });
    response.socket?.end();
  }
}

/** Passes an archive's bytes through, adding them up in `record`. */
export async function* meter(source: AsyncIterable<Buffer>, record: RequestRecord): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    record.bytes += chunk.length;
    yield chunk;
  }
}

async function* cut(source: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Buffer> {
  let left = limit;
  for await (const chunk of source) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
