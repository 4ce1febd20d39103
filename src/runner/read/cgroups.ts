import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import type { Cgroups } from "../facts.ts";
import { textOf } from "./file.ts";
import type { Mount } from "./mounts.ts";

const top = "/sys/fs/cgroup";

/** What is mounted where cgroups are looked for, cgroups(7). */
export function modeOf(mounts: readonly Mount[]): Cgroups["mode"] {
  const at = mounts.findLast(({ point }) => point === top)?.type;
  if (at === "cgroup2") return "v2";
  const below = mounts.filter(({ point }) => point.startsWith(`${top}/`)).map(({ type }) => type);
  if (below.includes("cgroup")) return below.includes("cgroup2") ? "hybrid" : "v1";
  return "none";
}

/**
 * The directory of the process's own cgroup (v2); undefined where that is out of its sight.
 *
 * @param cgroup /proc/self/cgroup
 */
export function ownDirectory(cgroup: string, mounts: readonly Mount[]): string | undefined {
  const path = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  const mount = mounts.findLast(({ type, point }) => type === "cgroup2" && `${point}/`.startsWith(`${top}/`));
  if (path === undefined || mount === undefined || path.startsWith("/..")) return undefined;
  // Without a cgroup namespace, a container has only its own part mounted.
  const inside = mount.root === "/" ? path : path === mount.root ? "/" : cut(path, `${mount.root}/`);
  return inside === undefined ? undefined : join(mount.point, inside).replace(/(.)\/$/, "$1");
}

const cut = (path: string, prefix: string): string | undefined =>
  path.startsWith(prefix) ? path.slice(prefix.length - 1) : undefined;

export async function readCgroups(uid: number, mounts: readonly Mount[]): Promise<Cgroups> {
  const mode = modeOf(mounts);
  const own = ownDirectory((await textOf("/proc/self/cgroup")) ?? "", mounts);
  const manager = join(top, `user.slice/user-${uid}.slice/user@${uid}.service`);
  const [writable, controllers, delegated] = await Promise.all([
    own !== undefined && canMakeIn(own),
    own === undefined ? [] : controllersOf(own),
    controllersOf(manager),
  ]);
  return { mode, writable, controllers: controllers ?? [], delegated };
}

async function controllersOf(directory: string): Promise<string[] | undefined> {
  const text = await textOf(join(directory, "cgroup.controllers"));
  return text?.split(/\s+/).filter(Boolean);
}

/** A read-only mount is refused by access(2) too. */
async function canMakeIn(directory: string): Promise<boolean> {
  try {
    await access(directory, constants.W_OK);
    await access(join(directory, "cgroup.procs"), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
