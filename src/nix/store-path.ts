import { chmod, lstat, rename, rm } from "node:fs/promises";
import { run } from "../exec.ts";
import { isThere } from "../files.ts";

/**
 * Moves an unpacked store path to its place, whole, and makes its top read-only as Nix wants it.
 *
 * @returns whether it was not there before; another job on this machine may have been first
 */
export async function moveIn(path: string, target: string): Promise<boolean> {
  if (await isThere(target)) return false;
  const status = await lstat(path);
  // rename(2) of a directory writes its "..", which needs write permission on it.
  if (status.isDirectory()) await chmod(path, 0o755);
  try {
    await rename(path, target);
  } catch (error) {
    if (await isThere(target)) return false;
    throw error;
  }
  if (status.isDirectory()) await chmod(target, 0o555);
  return true;
}

/** Removes a directory of store paths, or one of them: they are read-only. */
export async function removeTree(path: string): Promise<void> {
  const status = await lstat(path).catch(() => undefined);
  if (status === undefined) return;
  // It would follow a link that it is given.
  if (!status.isSymbolicLink()) await run("chmod", ["-R", "u+w", path]);
  await rm(path, { recursive: true, force: true });
}
