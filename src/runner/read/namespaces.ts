import type { AppArmor, Facts, Namespaces, Privileges } from "../facts.ts";
import { exists, textOf } from "./file.ts";
import { isChroot, readMounts } from "./mounts.ts";
import { findRootProgram, probe } from "./program.ts";

/** The arguments of unshare(1) that make the user root of a user namespace with a mount namespace in it. */
export const asRootInside = ["--user", "--map-root-user", "--mount"] as const;

export async function readNamespaces(): Promise<Namespaces> {
  const [max, unprivilegedClone, user, mount, proc, ...maps] = await Promise.all([
    textOf("/proc/sys/user/max_user_namespaces"),
    textOf("/proc/sys/kernel/unprivileged_userns_clone"),
    probe("unshare", ["--user", "true"]),
    // It goes with the namespace, unseen by anybody else.
    probe("unshare", [...asRootInside, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]),
    probe("unshare", [...asRootInside, "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc"]),
    textOf("/proc/self/uid_map"),
    textOf("/proc/self/gid_map"),
  ]);
  const ids = Math.min(...maps.map((map) => parseIds(map ?? "")));
  return {
    max: max === undefined ? undefined : Number(max),
    unprivilegedClone: unprivilegedClone === undefined ? undefined : unprivilegedClone.trim() === "1",
    user,
    mount,
    // It needs the two before it, and would say the same.
    ...(user === true && mount === true && { proc }),
    ...(Number.isFinite(ids) && { ids }),
  };
}

/**
 * How many ids a namespace has from 0 on.
 *
 * @param map uid_map or gid_map, user_namespaces(7); infinite where it has all ids, or cannot be read
 */
export function parseIds(map: string): number {
  const extents = [...map.matchAll(/^\s*(\d+)\s+\d+\s+(\d+)\s*$/gm)]
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }))
    .sort((a, b) => a.start - b.start);
  if (extents.length === 0) return Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { start, count } of extents) if (start === end) end += count;
  return end === 4_294_967_295 ? Number.POSITIVE_INFINITY : end;
}

export async function readAppArmor(): Promise<AppArmor> {
  const [enabled, restricts, profile, parser, abi4] = await Promise.all([
    textOf("/sys/module/apparmor/parameters/enabled"),
    textOf("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
    textOf("/proc/self/attr/apparmor/current"),
    findRootProgram("apparmor_parser"),
    exists("/etc/apparmor.d/abi/4.0"),
  ]);
  return {
    enabled: enabled?.trim() === "Y",
    restrictsUserNamespaces: restricts?.trim() === "1",
    profile: parseProfile(profile ?? ""),
    parser,
    abi4,
  };
}

/** @param current such as "docker-default (enforce)" or "unconfined" */
export function parseProfile(current: string): string | undefined {
  const name = current
    .replace(/\0/g, "")
    .trim()
    .replace(/ \(\w+\)$/, "");
  return name === "" || name === "unconfined" ? undefined : name;
}

/**
 * Whether nothing but a chroot is left to explain that the kernel refuses user namespaces, user_namespaces(7). Where the
 * mounts do not tell: all processes of this mount namespace may be below the same one.
 */
export function onlyChrootExplains(
  namespaces: Namespaces,
  privileges: Privileges,
  appArmor: AppArmor,
): boolean {
  return (
    namespaces.user !== true &&
    /operation not permitted/i.test(namespaces.user.error) &&
    namespaces.unprivilegedClone !== false &&
    privileges.seccomp === 0 &&
    !appArmor.enabled
  );
}

export async function readChroot(): Promise<Facts["chroot"]> {
  const [own, first] = await Promise.all([readMounts("self"), readMounts(1)]);
  return own !== undefined && isChroot(own, first);
}
