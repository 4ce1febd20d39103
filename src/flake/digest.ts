import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** What our flake's rootfs is made of. The package's launchers take dist/ too, but the rootfs does not. */
const sources = ["flake.nix", "flake.lock", "nix"] as const;

/** Of the sources' own making: it records this very digest. */
export const lockName = "nix/rootfs.lock.json";

/**
 * Tells whether a checkout of this repository makes the same rootfs as another: 64 hexadecimal digits of a SHA-256
 * over the names, kinds, executable bits and contents of flake.nix, flake.lock and nix/, without the rootfs' lock file.
 * It needs neither Nix nor git, and owners, times and other permissions do not count, as they do not for Nix.
 *
 * @param directory absolute path of the checkout
 */
export async function flakeDigest(directory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const source of sources) await add(hash, directory, source);
  return hash.digest("hex");
}

type Hash = ReturnType<typeof createHash>;

async function add(hash: Hash, directory: string, path: string): Promise<void> {
  if (path === lockName) return;
  const full = join(directory, path);
  const stat = await lstat(full).catch(() => undefined);
  if (stat?.isDirectory()) {
    // By code units: the same order everywhere.
    for (const name of (await readdir(full)).sort()) await add(hash, directory, `${path}/${name}`);
  } else if (stat?.isSymbolicLink()) {
    addFields(hash, path, "link", Buffer.from(await readlink(full)));
  } else if (stat?.isFile()) {
    addFields(hash, path, stat.mode & 0o100 ? "executable" : "file", await readFile(full));
  }
}

/** With the length of the content, so that no two lists of files are the same bytes. */
function addFields(hash: Hash, path: string, kind: string, content: Buffer): void {
  hash.update(`${path}\0${kind}\0${content.length}\0`).update(content);
}
