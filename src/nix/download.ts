import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { warning } from "@actions/core";
import { HttpClient } from "@actions/http-client";
import type { Tarball } from "./releases.ts";

const attempts = 4;
const secondsBeforeSilenceFails = 30;

/** A failure that another attempt will not mend. */
class FinalError extends Error {}

/**
 * Downloads a tarball into `file` and checks its hash. Tries again, with growing pauses, what may pass.
 *
 * @throws {Error} when it cannot be had or is another one than expected; nothing is left at `file` then
 */
export async function download(tarball: Tarball, file: string, pause = 1000): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await downloadOnce(tarball, file);
    } catch (error) {
      await rm(file, { force: true });
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof FinalError) throw error;
      if (attempt === attempts) {
        throw new Error(
          `Cannot download ${tarball.url}: ${message}. Check the runner's network, or give a mirror with nix-url and nix-sha256.`,
        );
      }
      warning(
        `Download of ${tarball.url} failed (${message}); attempt ${attempt + 1} of ${attempts} follows`,
      );
      await sleep(pause * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
}

async function downloadOnce(tarball: Tarball, file: string): Promise<void> {
  const client = new HttpClient("podman-rootless", [], {
    socketTimeout: secondsBeforeSilenceFails * 1000,
    allowRetries: false,
  });
  const { message: response } = await client.get(tarball.url);
  const status = response.statusCode ?? 0;
  if (status !== 200) {
    response.destroy();
    const text = `the server answered ${status} for ${tarball.url}`;
    throw status >= 400 && status < 500 && status !== 429
      ? new FinalError(`Cannot download Nix: ${text}. Check nix-version or nix-url.`)
      : new Error(text);
  }
  const hash = createHash("sha256");
  let length = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      length += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(response, measure, createWriteStream(file), {
    signal: AbortSignal.timeout(15 * 60 * 1000),
  });
  const expectedLength = response.headers["content-length"];
  if (expectedLength !== undefined && length !== Number(expectedLength)) {
    throw new Error(`the connection ended after ${length} of ${expectedLength} bytes`);
  }
  const sha256 = hash.digest("hex");
  if (sha256 !== tarball.sha256) {
    throw new FinalError(
      `${tarball.url} is not the tarball that was expected: its SHA-256 is ${sha256}, not ${tarball.sha256}. Nothing was unpacked. Check nix-sha256, or whether the file was replaced.`,
    );
  }
}
