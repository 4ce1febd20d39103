import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Blobs } from "./blobs.ts";
import { callBlob } from "./block-blobs.ts";
import type { Catalog } from "./catalog.ts";
import { azureError, type Reply, send } from "./replies.ts";
import { blobPath, type Fault, parseRoute, type RequestRecord, type Route } from "./requests.ts";
import { mayAccessBlob, readToken, signBlob } from "./tokens.ts";
import { callTwirp, type Message, twirpError, type WriteDenial } from "./twirp.ts";

export interface ListenerOptions {
  catalog: Catalog;
  blobs: Blobs;
  secret: Buffer;
  port: number;
  host: string;
  blobHost: string;
  writeDenial: WriteDenial;
  onRequest(record: RequestRecord): void;
  fault(record: RequestRecord): Fault | undefined;
}

export interface Listener {
  url: string;
  close(): Promise<void>;
}

/** One request on its way: what it wants, and the message of a Twirp call. */
interface Call {
  request: IncomingMessage;
  url: URL;
  route: Route;
  record: RequestRecord;
  message: Message;
}

/** Serves both protocols on one port. Rejects when it cannot be bound. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const server = createServer((request, response) => {
    // Only sending can fail here, and then a broken connection is all that is left to show it.
    serve(request, response, options).catch(() => response.destroy());
  });
  // An archive may take longer than node's default of five minutes.
  server.requestTimeout = 0;
  server.listen(options.port, options.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: ListenerOptions,
): Promise<void> {
  const { method = "", url: target = "/" } = request;
  const url = new URL(target, "http://cache");
  const route = parseRoute(method, url);
  const record: RequestRecord = {
    method,
    path: url.pathname,
    kind: route.kind,
    key: route.api === "blob" ? options.catalog.get(route.id)?.key : undefined,
    bytes: 0,
    status: 0,
  };
  options.onRequest(record);
  const message = route.api === "twirp" ? parseMessage(await text(request)) : {};
  record.key ??= message?.key;

  const fault = options.fault(record);
  if (fault && "delay" in fault) await sleep(fault.delay);
  if (fault && ("reset" in fault || "hang" in fault) && fault.afterBytes === undefined) {
    if ("reset" in fault) request.socket.resetAndDestroy();
    return;
  }
  const reply =
    fault && "status" in fault
      ? faultReply(fault, route)
      : message
        ? await answer({ request, url, route, record, message }, options).catch(internalError)
        : twirpError(400, "malformed", "the body is not a JSON object");
  await send(reply, response, record, fault);
}

async function answer(call: Call, options: ListenerOptions): Promise<Reply> {
  const { request, url, route, record, message } = call;
  const { catalog, blobs, secret, writeDenial } = options;
  if (route.api === "twirp") {
    const grant = readToken(secret, request.headers.authorization);
    if (!grant) return twirpError(401, "unauthenticated", "the token was not minted by this service");
    const port = request.socket.localPort;
    return callTwirp(route.kind, message, {
      catalog,
      blobs,
      grant,
      writeDenial,
      signedUrl: (id, permission) =>
        `http://${options.blobHost}:${port}${blobPath(id)}?${signBlob(secret, id, permission)}`,
    });
  }
  if (route.api === "blob") {
    const permission = request.method === "PUT" ? "w" : "r";
    if (!mayAccessBlob(secret, route.id, permission, url.searchParams)) {
      return azureError(403, "AuthenticationFailed", "The signature is missing, wrong or expired.");
    }
    const entry = catalog.get(route.id);
    if (!entry) return azureError(404, "BlobNotFound", "The specified blob does not exist.");
    return callBlob(route.kind, { blobs, entry, request, query: url.searchParams, record });
  }
  return twirpError(404, "bad_route", `no handler for ${record.method} ${record.path}`);
}

function faultReply(fault: Extract<Fault, { status: number }>, route: Route): Reply {
  const message = fault.message ?? "injected fault";
  const reply =
    route.api === "blob"
      ? azureError(fault.status, "InjectedFault", message)
      : twirpError(fault.status, "unavailable", message);
  return { ...reply, headers: { ...reply.headers, ...fault.headers } };
}

function parseMessage(body: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(body);
    return typeof message === "object" && message !== null ? (message as Message) : undefined;
  } catch {
    return undefined;
  }
}

function internalError(error: Error): Reply {
  return twirpError(500, "internal", error.message);
}
