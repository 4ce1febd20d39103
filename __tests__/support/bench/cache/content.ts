import { createCipheriv, createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Of each so many bytes, the last eighth is replaced. */
const BLOCK = 4096;

/**
 * Bytes that no archive finds a second time, however often the same are given, and that are about half as large
 * compressed: programs and texts, an eighth of which is noise. The same for the same salt.
 */
export function salted(data: Buffer, salt: string): Buffer {
  const key = createHash("sha256").update(salt).digest();
  const noise = createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(data.length));
  const result = Buffer.from(data);
  for (let start = 0; start < data.length; start += BLOCK) {
    const end = Math.min(start + BLOCK, data.length);
    const from = end - Math.ceil((end - start) / 8);
    noise.copy(result, from, from, end);
  }
  return result;
}

/**
 * Writes salted copies of a tree's files, round after round, until there are enough.
 *
 * @param source a folder with programs, libraries and texts
 * @param target made when missing
 * @param bytes of all files together; the last one is cut
 * @throws {Error} for a source without anything to copy
 */
export async function writeContent(
  source: string,
  target: string,
  bytes: number,
  salt: string,
): Promise<void> {
  let left = bytes;
  for (let round = 0; left > 0; round++) {
    const before = left;
    for await (const path of files(source)) {
      const data = await readFile(join(source, path));
      const copy = salted(data, `${salt} ${round} ${path}`).subarray(0, left);
      const file = join(target, String(round), path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, copy);
      left -= copy.length;
      if (left === 0) return;
    }
    if (left === before) throw new Error(`writeContent: ${source} has no files`);
  }
}

/** Paths of regular files below a folder, in the order of their names. */
async function* files(folder: string, below = ""): AsyncGenerator<string> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* files(folder, path);
    else if (entry.isFile()) yield path;
  }
}
