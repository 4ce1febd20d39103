import { createReadStream, createWriteStream, mkdirSync } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

// Large chunks: an archive of a gigabyte should be bound by the disk, not by the event loop.
const highWaterMark = 1024 * 1024;

/** Archives as files, one per entry id; uncommitted blocks in a folder beside them. */
export class Blobs {
  readonly #directory: string;
  #uploads = 0;

  constructor(directory: string) {
    this.#directory = join(directory, "blobs");
    mkdirSync(this.#directory, { recursive: true });
  }

  /** The file that holds, or will hold, blob `id`. */
  path(id: number): string {
    return join(this.#directory, `${id}`);
  }

  /** Bytes of blob `id`, or undefined when nothing was committed. */
  async size(id: number): Promise<number | undefined> {
    try {
      return (await stat(this.path(id))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Stores the whole of blob `id`. Rejects, storing nothing, when `source` breaks off. */
  async put(id: number, source: AsyncIterable<Buffer>): Promise<void> {
    await this.#receive(source, this.path(id));
  }

  /** Stores one uncommitted block of blob `id`; a block sent again replaces the earlier one. */
  async putBlock(id: number, block: string, source: AsyncIterable<Buffer>): Promise<void> {
    await mkdir(this.#blocks(id), { recursive: true });
    await this.#receive(source, this.#block(id, block));
  }

  /** Joins blocks, in the order given, into blob `id`. False, and nothing changed, when one was never sent. */
  async commit(id: number, blocks: readonly string[]): Promise<boolean> {
    const files = blocks.map((block) => this.#block(id, block));
    for (const file of files) {
      if (!(await exists(file))) return false;
    }
    const partial = `${this.path(id)}.partial`;
    const output = createWriteStream(partial, { highWaterMark });
    try {
      await pipeline(concatenate(files), output);
      await rename(partial, this.path(id));
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    await rm(this.#blocks(id), { recursive: true, force: true });
    return true;
  }

  /** Bytes `start` to `end`, both included, of blob `id`. */
  read(id: number, start: number, end: number): Readable {
    return createReadStream(this.path(id), { start, end, highWaterMark });
  }

  /** Deletes blob `id` and its uncommitted blocks. */
  async remove(id: number): Promise<void> {
    await rm(this.path(id), { force: true });
    await rm(this.#blocks(id), { recursive: true, force: true });
  }

  #blocks(id: number): string {
    return `${this.path(id)}.blocks`;
  }

  // Block ids are base64, whose "/" cannot stand in a file name.
  #block(id: number, block: string): string {
    return join(this.#blocks(id), Buffer.from(block).toString("base64url"));
  }

  async #receive(source: AsyncIterable<Buffer>, target: string): Promise<void> {
    const partial = `${target}.partial-${this.#uploads++}`;
    try {
      await pipeline(source, createWriteStream(partial, { highWaterMark }));
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
  }
}

async function* concatenate(files: readonly string[]): AsyncGenerator<Buffer> {
  for (const file of files) yield* createReadStream(file, { highWaterMark });
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
