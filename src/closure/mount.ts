import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ProgramError, tryRunAsRoot } from "../exec.ts";
import { lastWords } from "../log.ts";
import type { Undo } from "../runner/finding.ts";

/** Keeps what takes a change back, before it is made. */
export type RecordUndo = (undo: readonly Undo[]) => void;

const rootsUndo = (name: string, when: Undo["when"], ...command: [string, ...string[]]): Undo => ({
  name,
  step: { kind: "run", command },
  when,
});

const flags = "nosuid,nodev";

/** Mounts an archive on the machine, read-only. @throws {ProgramError} in the words of mount(8) */
export async function mountArchive(
  file: string,
  point: string,
  when: Undo["when"],
  record: RecordUndo,
): Promise<void> {
  record([rootsUndo(`Unmount ${point}`, when, "umount", "--lazy", point)]);
  await mkdir(point, { recursive: true });
  await asRoot("mount", ["-t", "squashfs", "-o", `loop,ro,${flags}`, file, point]);
}

export const unmount = (point: string) => tryRunAsRoot("umount", ["--lazy", point]);

/**
 * Lays what is in `store` already, and what will be written to it, over a mounted archive.
 *
 * @param place directory of the same file system as the store, for what belongs to the mounts
 * @returns why it cannot be done, or undefined; the kernel has no overlay on some file systems, such as another overlay
 */
export async function layOver(
  lower: string,
  store: string,
  place: string,
  record: RecordUndo,
): Promise<string | undefined> {
  const work = join(place, "work");
  record([
    rootsUndo(`Remove ${work}`, "unless-kept", "rm", "-rf", work),
    rootsUndo(`Unmount ${store}`, "unless-kept", "umount", "--lazy", store),
  ]);
  await mkdir(work, { recursive: true });
  const options = `${flags},lowerdir=${lower},upperdir=${store},workdir=${work}`;
  const { code, stderr } = await tryRunAsRoot("mount", [
    "-t",
    "overlay",
    "-o",
    options,
    "podman-rootless",
    store,
  ]);
  return code === 0 ? undefined : lastWords(stderr);
}

async function asRoot(program: string, args: readonly string[]): Promise<void> {
  const output = await tryRunAsRoot(program, args);
  if (output.code !== 0) throw new ProgramError(program, args, output);
}

/** Makes /nix, and gives it to this user. */
export async function makeNix(): Promise<void> {
  const uid = process.getuid?.() ?? 0;
  await asRoot("install", ["-d", "-m", "0755", "-o", `${uid}`, "/nix"]);
}
