import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, RequestRecord } from "./requests.ts";

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

/** Sends `reply`; if its body is a stream, in the way that `fault` says. */
export async function send(
  reply: Reply,
  response: ServerResponse,
  record: RequestRecord,
  fault?: Fault,
): Promise<void> {
  record.status = reply.status;
  if (typeof reply.body === "string") {
    response.writeHead(reply.status, reply.headers);
    response.end(reply.body);
    return;
  }
  if (fault && "alter" in fault) {
    const archive = fault.alter(await buffer(reply.body));
    response.writeHead(reply.status, { ...reply.headers, "content-length": `${archive.length}` });
    record.bytes = archive.length;
    response.end(archive);
    return;
  }
  response.writeHead(reply.status, reply.headers);
  if (fault && "afterBytes" in fault && fault.afterBytes !== undefined) {
    await pipeline(meter(cut(reply.body, fault.afterBytes), record), response, { end: false });
    if ("reset" in fault) response.socket?.end();
  } else {
    const body = fault && "bytesPerSecond" in fault ? slow(reply.body, fault.bytesPerSecond) : reply.body;
    await pipeline(meter(body, record), response);
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

/** In pieces, ten a second. */
async function* slow(source: AsyncIterable<Buffer>, bytesPerSecond: number): AsyncGenerator<Buffer> {
  const size = Math.max(1, Math.floor(bytesPerSecond / 10));
  for await (const chunk of source) {
    for (let start = 0; start < chunk.length; start += size) {
      yield chunk.subarray(start, start + size);
      await sleep(100);
    }
  }
}
