import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { warning } from "@actions/core";
import { HttpClient } from "@actions/http-client";
import { messageOf } from "../log.ts";
import type { Tarball } from "./releases.ts";

const attempts = 4;
const secondsBeforeSilenceFails = 30;
const minutesAtMost = 15;

const isLocal = (error: unknown): boolean =>
  /^E(NOSPC|DQUOT|ACCES|PERM|ROFS|IO|FBIG|NOENT|MFILE)$/.test((error as NodeJS.ErrnoException).code ?? "") &&
  ["write", "open"].includes((error as NodeJS.ErrnoException).syscall ?? "");

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
      const message = messageOf(error);
      if (error instanceof FinalError) throw error;
      // Of this machine, not of the network: no room, no permission.
      if (isLocal(error)) throw new Error(`Cannot write ${file}: ${message}`);
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
    throw status >= 400 && status < 500 && ![408, 429].includes(status)
      ? new FinalError(`Cannot download Nix: ${text}. Check nix-version or nix-url.`)
      : new Error(text);
  }
  const hash = createHash("sha256");
  let length = 0;
  const deadline = performance.now() + minutesAtMost * 60_000;
  const output = await open(file, "w");
  try {
    // Not stream.pipeline: when writing fails it waits for the response to close, which one of a kept-alive
    // connection may never do (node 24).
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      length += chunk.length;
      await output.writeFile(chunk);
      if (performance.now() > deadline) throw new Error(`it takes longer than ${minutesAtMost} minutes`);
    }
  } finally {
    await output.close();
  }
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
