import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { warning } from "@actions/core";
import { HttpClient } from "@actions/http-client";
import { within } from "../deadline.ts";
import { formatBytes, info, messageOf } from "../log.ts";
import { rateLine, throttled } from "./rate.ts";
import type { Tarball } from "./releases.ts";

/** How long a download may take, and how much it may be. */
export interface Limits {
  attempts: number;
  /** Milliseconds before the second attempt; each further pause is twice as long. */
  pause: number;
  /** Seconds without a byte. */
  silence: number;
  /** Seconds for an attempt. */
  duration: number;
  bytes: number;
}

const usual: Limits = { attempts: 4, pause: 1000, silence: 30, duration: 15 * 60, bytes: 1_000_000_000 };

/** Seconds of Retry-After that are waited for. */
const longestPause = 120;

/** Redirects in a row that are followed. */
const mostHops = 10;

/** A failure that another attempt will not mend. */
class FinalError extends Error {}

/** A failure of the network's or the server's, after which another attempt makes sense. */
class PassingError extends Error {
  /** Milliseconds that the server wants to be left alone. */
  readonly pause: number;
  constructor(message: string, pause = 0) {
    super(message);
    this.pause = pause;
  }
}

/**
 * Downloads a tarball and checks its hash, while it is used. Tries again, with growing pauses, what may pass.
 *
 * @param use takes the bytes as they come, once an attempt. They end with an error where the download fails or is not
 * what was expected: nothing may have come of them then
 * @throws {Error} when it cannot be had, or is another one than expected; or whatever `use` throws
 */
export async function download<T>(
  tarball: Tarball,
  use: (bytes: AsyncIterable<Uint8Array>) => Promise<T>,
  limits: Partial<Limits> = {},
): Promise<T> {
  const all = { ...usual, ...limits };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await use(fetchOnce(tarball, all));
    } catch (error) {
      if (!(error instanceof PassingError)) throw error;
      const message = messageOf(error);
      if (attempt === all.attempts) {
        throw new Error(
          `Cannot download ${tarball.url}: ${message}. Check the runner's network, or give a mirror with nix-url and nix-sha256.`,
        );
      }
      warning(
        `Download of ${tarball.url} failed (${message}); attempt ${attempt + 1} of ${all.attempts} follows`,
      );
      await sleep(Math.max(error.pause, all.pause * 2 ** (attempt - 1) * (0.5 + Math.random())));
    }
  }
}

/** The bytes of one attempt, checked at their end. */
async function* fetchOnce(tarball: Tarball, limits: Limits): AsyncGenerator<Uint8Array> {
  const response = await request(tarball.url, limits);
  const length = lengthOf(response.headers);
  const tooLong = () =>
    new FinalError(
      `Cannot download Nix: ${tarball.url} has more than ${formatBytes(limits.bytes)}, which no Nix release has. Check nix-url.`,
    );
  if (length !== undefined && length > limits.bytes) {
    response.destroy();
    throw tooLong();
  }
  const hash = createHash("sha256");
  const start = performance.now();
  const progress = throttled(info);
  let bytes = 0;
  for await (const chunk of heard(response, limits)) {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > limits.bytes) throw tooLong();
    progress((seconds) => rateLine("Nix", bytes, length, seconds));
    yield chunk;
    if (performance.now() - start > limits.duration * 1000) {
      throw new PassingError(
        `it takes longer than ${limits.duration} s, after which there were ${formatBytes(bytes)}`,
      );
    }
  }
  if (length !== undefined && bytes !== length) {
    throw new PassingError(`the connection ended after ${bytes} of ${length} bytes`);
  }
  const sha256 = hash.digest("hex");
  if (sha256 !== tarball.sha256) {
    throw new FinalError(
      `${tarball.url} is not the tarball that was expected: its SHA-256 is ${sha256}, not ${tarball.sha256}. Nothing of it is installed. Check nix-sha256, or whether the file was replaced.`,
    );
  }
}

async function request(url: string, limits: Limits): Promise<IncomingMessage> {
  let at = url;
  for (let hops = 0; ; hops += 1) {
    const response = await answerOf(at, limits);
    const status = response.statusCode ?? 0;
    if (status === 200) return response;
    response.destroy();
    const { location } = response.headers;
    if (status < 300 || status >= 400 || location === undefined || hops === mostHops) {
      throw refusal(status, url, response.headers);
    }
    // The client's own way takes no location without a host.
    if (!URL.canParse(location, at)) throw refusal(status, url, response.headers);
    at = new URL(location, at).href;
    if (url.startsWith("https:") && !at.startsWith("https:")) throw refusal(status, url, response.headers);
  }
}

async function answerOf(url: string, limits: Limits): Promise<IncomingMessage> {
  const client = new HttpClient("podman-rootless", [], {
    // Its own limit also counts the time in which nobody reads: it must not be the shorter one.
    socketTimeout: (limits.silence + longestPause) * 1000,
    allowRetries: false,
    allowRedirects: false,
  });
  try {
    return (await within(limits.silence, "The server's answer", client.get(url))).message;
  } catch (error) {
    throw new PassingError(messageOf(error));
  }
}

function refusal(status: number, url: string, headers: IncomingHttpHeaders): Error {
  const text = `the server answered ${status} for ${url}`;
  if (status >= 300 && status < 500 && ![408, 425, 429].includes(status)) {
    return new FinalError(`Cannot download Nix: ${text}. Check nix-version or nix-url.`);
  }
  const pause = pauseOf(headers);
  if (pause <= longestPause * 1000) return new PassingError(text, pause);
  return new FinalError(
    `Cannot download Nix: ${text}, and wants to be asked again in ${Math.round(pause / 1000)} s. Run the job later, or give a mirror with nix-url and nix-sha256.`,
  );
}

/** What a response brings, until nothing comes of it for too long. */
async function* heard(response: IncomingMessage, { silence }: Limits): AsyncGenerator<Uint8Array> {
  const silent = () => response.destroy(new Error(`nothing came for ${silence} s`));
  let timer = setTimeout(silent, silence * 1000);
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const { done, value } = await chunks.next().catch((error: unknown) => {
        throw new PassingError(messageOf(error));
      });
      clearTimeout(timer);
      if (done) return;
      yield value;
      timer = setTimeout(silent, silence * 1000);
    }
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
}

function lengthOf(headers: IncomingHttpHeaders): number | undefined {
  const length = headers["content-length"];
  return length === undefined ? undefined : Number(length);
}

/** Retry-After of RFC 9110, seconds or a date, in milliseconds from now; 0 where there is none. */
function pauseOf(headers: IncomingHttpHeaders): number {
  const value = headers["retry-after"] ?? "";
  const pause = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(pause) ? 0 : Math.max(0, pause);
}
