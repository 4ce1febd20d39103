import { createHash, type Hash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** A tree with more than this is not looked through: it would take longer than asking Nix. */
const bounds = { entries: 20_000, bytes: 200_000_000 };

/**
 * The hash by which Nix knows a file or directory: the SHA-256 of its NAR archive, such as "sha256-FBJR...". Links are
 * not followed; of modes only the owner's execute bit counts.
 *
 * @param except names at its top to leave out
 * @returns undefined for a tree that is too large, is changing, or has what no NAR can hold, such as a socket
 */
export async function narHash(
  path: string,
  except: readonly string[] = [],
  limits = bounds,
): Promise<string | undefined> {
  const hash = createHash("sha256");
  write(hash, "nix-archive-1");
  try {
    await writeNode(hash, path, { ...limits }, except);
  } catch {
    return undefined;
  }
  return `sha256-${hash.digest("base64")}`;
}

async function writeNode(
  hash: Hash,
  path: string,
  left: typeof bounds,
  except: readonly string[] = [],
): Promise<void> {
  const stat = await lstat(path);
  left.entries -= 1;
  left.bytes -= stat.isFile() ? stat.size : 0;
  if (left.entries < 0 || left.bytes < 0) throw new Error("the tree is too large");
  if (stat.isSymbolicLink()) {
    write(hash, "(", "type", "symlink", "target", await readlink(path), ")");
  } else if (stat.isFile()) {
    const executable = (stat.mode & 0o100) === 0 ? [] : ["executable", ""];
    write(hash, "(", "type", "regular", ...executable, "contents", await readFile(path), ")");
  } else if (stat.isDirectory()) {
    write(hash, "(", "type", "directory");
    // By bytes, which is not JavaScript's order.
    const names = (await readdir(path)).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const name of names.filter((one) => !except.includes(one))) {
      write(hash, "entry", "(", "name", name, "node");
      await writeNode(hash, join(path, name), left);
      write(hash, ")");
    }
    write(hash, ")");
  } else {
    throw new Error("neither file, directory nor link");
  }
}

function write(hash: Hash, ...texts: (string | Buffer)[]): void {
  for (const text of texts) {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    hash.update(length).update(bytes);
    hash.update(Buffer.alloc((8 - (bytes.length % 8)) % 8));
  }
}
