import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../environment/environment.ts";
import { isThere } from "../files.ts";
import { mountsDirectory } from "./tree.ts";

/** Directories that podman makes beside its store, as far as they are not there yet. Files in them may have any owner. */
export async function litterOf(environment: Environment): Promise<string[]> {
  const data = process.env.XDG_DATA_HOME || join(homedir(), ".local", "share");
  const directories = [
    await mountsDirectory(environment),
    join(data, "containers", "cache"),
    // For containers with a user namespace of their own; a subordinate id's.
    join(process.env.TMPDIR || "/var/tmp", `intermediate-mountpoint-${process.getuid?.() ?? 0}.0`),
  ];
  const there = await Promise.all(directories.map(isThere));
  return directories.filter((_, index) => !there[index]);
}
