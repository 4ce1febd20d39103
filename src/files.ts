import { randomUUID } from "node:crypto";
import { copyFile, lstat, rename, rm, statfs, writeFile } from "node:fs/promises";
import { formatBytes } from "./log.ts";

/** Writes a file that only the user may read: all of it is there, or what was there before. */
export async function replaceFile(file: string, text: string): Promise<void> {
  // Jobs side by side may write the same.
  const beside = `${file}.${randomUUID()}.new`;
  await writeFile(beside, text, { mode: 0o600 });
  await rename(beside, file);
}

/** Moves a file, to another file system if need be. */
export async function move(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    // Under another name until it is whole.
    await copyFile(from, `${to}.part`);
    await rename(`${to}.part`, to);
    await rm(from);
  }
}

/**
 * @param needed bytes to be written below the directory
 * @throws {Error} where that much is not free
 */
export async function refuseWithoutSpace(needed: number, directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (needed > bavail * bsize)
    throw new Error(`it needs ${formatBytes(needed)}, and ${formatBytes(bavail * bsize)} are free`);
}

/** Whether there is anything at a path, be it a link that leads nowhere. */
export const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
