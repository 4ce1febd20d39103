import { randomUUID } from "node:crypto";
import { access, constants, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Device, Probe } from "../facts.ts";
import { reasonOf } from "./words.ts";

/** The text of a file, undefined where it cannot be read. */
export async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether a file with something in it can be made in a directory. It is gone again. */
export async function canWriteIn(directory: string): Promise<Probe> {
  const file = join(directory, `.podman-rootless-${randomUUID()}`);
  try {
    // On a full disk, an empty file could still be made.
    await writeFile(file, "x".repeat(4096), { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    return { error: reasonOf(error) };
  } finally {
    await rm(file, { force: true }).catch(() => {});
  }
}

/** Whether a directory is this user's own, and can be written to. */
export async function isOwn(directory: string): Promise<boolean> {
  try {
    const { uid } = await stat(directory);
    // With the slash, only a directory.
    await access(`${directory}/`, constants.W_OK | constants.X_OK);
    return uid === process.getuid?.();
  } catch {
    return false;
  }
}

/** Opens a device as podman would. Its node may be there without the driver, which is as good as none. */
export async function openDevice(path: string): Promise<Device> {
  try {
    await (await open(path, constants.O_RDWR)).close();
    return "usable";
  } catch (error) {
    return deviceOf((error as NodeJS.ErrnoException).code);
  }
}

/** @param code of the error that open(2) had */
export const deviceOf = (code: string | undefined): Device =>
  code !== undefined && ["ENOENT", "ENXIO", "ENODEV", "ENOTDIR"].includes(code) ? "absent" : "denied";
