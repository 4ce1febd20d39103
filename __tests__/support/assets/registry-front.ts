import http from "node:http";
import type { AddressInfo } from "node:net";

export interface RegistryRequest {
  method: string;
  /** As in `/v2/busybox/manifests/latest`. */
  path: string;
  status: number;
  /** Of the answer's body. */
  bytes: number;
}

export interface RegistryFront {
  /** As an image's name begins. */
  host: string;
  /** What was answered since this was emptied last, in the order of the answers' ends. */
  requests: RegistryRequest[];
  /** What a repository or tag is to be taken for: each text of a path that is a key here, replaced. */
  aliases: Map<string, string>;
  /** Waits before a request is passed on. */
  gate: (path: string) => Promise<void>;
  close(): Promise<void>;
}

/**
 * Stands in front of a registry, to count what is asked of it, to let it have more names, and to hold it up.
 *
 * @param registry host of one that speaks plain HTTP
 */
export async function startRegistryFront(registry: string): Promise<RegistryFront> {
  const requests: RegistryRequest[] = [];
  const aliases = new Map<string, string>();
  const server = http.createServer(async (request, response) => {
    const { method = "GET", url: path = "/", headers } = request;
    await front.gate(path);
    const real = [...aliases].reduce((text, [alias, name]) => text.replaceAll(alias, name), path);
    const onward = http.request(`http://${registry}${real}`, { method, headers }, (answer) => {
      const { statusCode: status = 0 } = answer;
      let bytes = 0;
      answer.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      // Before the one who asked has all of it.
      answer.once("end", () => requests.push({ method, path, status, bytes }));
      response.writeHead(status, answer.headers);
      answer.pipe(response);
    });
    onward.once("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const front: RegistryFront = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    aliases,
    gate: async () => {},
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return front;
}

/** Bytes of layers and configurations that were fetched. */
export const blobBytes = (requests: readonly RegistryRequest[]): number =>
  requests.filter(({ path }) => path.includes("/blobs/")).reduce((sum, { bytes }) => sum + bytes, 0);
