import { realpath } from "node:fs/promises";
import { textOf } from "./file.ts";

/** A line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface Mount {
  id: number;
  /** What of the file system is mounted: "/", or a directory of it. */
  root: string;
  /** Where, as the process sees it. */
  point: string;
  /** Of the mount and of the file system: either can be "ro". */
  options: string[];
  /** Such as "ext4". */
  type: string;
}

export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    // Between the options and the lone dash are any number of optional fields.
    const [before = "", after = ""] = line.split(" - ");
    const [id, , , root, point, options] = before.split(" ");
    const [type, , superOptions = ""] = after.split(" ");
    if (root === undefined || point === undefined || options === undefined || type === undefined) return [];
    return [
      {
        id: Number(id),
        root: plain(root),
        point: plain(point),
        options: [...options.split(","), ...superOptions.split(",")],
        type,
      },
    ];
  });
}

/** Blanks and backslashes of paths are in octal there. */
const plain = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** The mount that a path is on: of the longest mount point above it, the one that was mounted last. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts
    .filter(({ point }) => point === path || path.startsWith(point === "/" ? "/" : `${point}/`))
    .reduce<Mount | undefined>(
      (best, mount) => (best !== undefined && best.point.length > mount.point.length ? best : mount),
      undefined,
    );
}

/** Whether one of the options holds for a path, links followed; false where the path is not there. */
export async function isMounted(mounts: readonly Mount[], path: string, option: "ro" | "nosuid") {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && (mountOf(mounts, real)?.options.includes(option) ?? false);
}

/** The mounts of a process that it can reach; undefined where they cannot be read. */
export async function readMounts(pid: "self" | 1): Promise<Mount[] | undefined> {
  const text = await textOf(`/proc/${pid}/mountinfo`);
  return text === undefined || text === "" ? undefined : parseMounts(text);
}

/**
 * Whether a process stands below a chroot, as far as its mounts say. A root that is no mount point is one; so is a root
 * that the machine's first process, with a view of more of the same mounts, has elsewhere.
 *
 * @param first the mounts of process 1
 */
export function isChroot(own: readonly Mount[], first: readonly Mount[] = []): boolean {
  const root = own.findLast(({ point }) => point === "/");
  return root === undefined || first.some(({ id, point }) => id === root.id && point !== "/");
}
