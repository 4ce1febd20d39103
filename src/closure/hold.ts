import { mkdir, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Nix } from "../nix/find.ts";
import { onMachine } from "../nix/find.ts";

const directoryOf = (nix: Pick<Nix, "directory">): string =>
  onMachine(nix, "/nix/var/nix/gcroots/podman-rootless");

/**
 * Keeps store paths from garbage collection, by links where the collector looks for them, which need no Nix to be made.
 *
 * @param nix whose store it is; it belongs to this user
 */
export async function hold(nix: Pick<Nix, "directory">, roots: readonly string[]): Promise<void> {
  const directory = directoryOf(nix);
  await mkdir(directory, { recursive: true });
  for (const root of roots) {
    await symlink(root, join(directory, basename(root))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

/** Takes that back. */
export async function release(nix: Pick<Nix, "directory">, roots: readonly string[]): Promise<void> {
  for (const root of roots) await rm(join(directoryOf(nix), basename(root)), { force: true });
}
