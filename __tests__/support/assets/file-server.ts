import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";

/** What goes wrong with a request. */
export type Fault =
  /** Answers with this status and no file. */
  | { kind: "status"; status: number; headers?: Record<string, string> }
  /** Sends the client to another path. */
  | { kind: "redirect"; to: string }
  /** Promises the whole file, sends this many bytes and hangs up. */
  | { kind: "truncate"; bytes: number }
  /** Promises the whole file, sends this many bytes and then nothing, until the client gives up. */
  | { kind: "stall"; bytes: number }
  /** Sends the whole file, this many bytes in a second. */
  | { kind: "slow"; bytes: number };

export interface FileServerOptions {
  /** Asked for each request; `path` is the URL's path and `count` is 1 for the first request of it. */
  fault?: (path: string, count: number) => Fault | undefined;
}

export interface FileServer {
  /** As in `http://127.0.0.1:8080`, without a slash at the end. */
  url: string;
  /** The paths asked for so far, in order. */
  requests: string[];
  close(): Promise<void>;
}

/** Serves the files of a folder over HTTP on loopback, on a free port, until closed. */
export async function startFileServer(
  folder: string,
  { fault = () => undefined }: FileServerOptions = {},
): Promise<FileServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    requests.push(path);
    const count = requests.filter((other) => other === path).length;
    // Joined after normalizing from the root, `..` cannot lead out of the folder.
    answer(response, join(folder, normalize(path)), fault(path, count)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(response: ServerResponse, file: string, fault: Fault | undefined): Promise<void> {
  if (fault?.kind === "status") {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  if (fault?.kind === "redirect") {
    response.writeHead(302, { location: fault.to }).end();
    return;
  }
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-length": found.size, "content-type": "application/octet-stream" });
  if (fault === undefined) {
    await pipeline(createReadStream(file), response);
    return;
  }
  if (fault.kind === "slow") {
    await pipeline(createReadStream(file, { highWaterMark: fault.bytes / 4 }), everyQuarter, response);
    return;
  }
  await pipeline(createReadStream(file, { end: Math.max(0, fault.bytes - 1) }), response, { end: false });
  if (fault.kind === "truncate") response.destroy();
}

async function* everyQuarter(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    await setTimeout(250);
  }
}
