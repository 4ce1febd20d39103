import { constants } from "node:fs";
import { access, lstat, readFile } from "node:fs/promises";
import { tryRunAsRoot } from "../exec.ts";
import { isThere } from "../files.ts";
import type { Form } from "./key.ts";

/** What a machine is, as far as it matters for where a closure goes. */
export interface Ground {
  /** Whose /nix is: `own` can be written to by this user alone, `foreign` is another's, a daemon's or read-only. */
  nix: "missing" | "own" | "foreign";
  /** There is a store already. */
  store: boolean;
  /** Something is mounted at /nix/store. */
  mounted: boolean;
  /** A program can be run as root. */
  root: boolean;
  /** Root can mount, and knows squashfs and loop devices. */
  mounts: boolean;
}

/**
 * Where the store paths of a closure go:
 *
 * - `overlay`: its archive is mounted below /nix/store, with the user's own layer above;
 * - `into`: they are unpacked into /nix/store, those that are missing;
 * - `beside`: /nix is left alone, and the environment has them over it;
 * - `home`: there is no /nix, and the store is below the home directory.
 */
export type Way = "overlay" | "into" | "beside" | "home";

/** @param ends nothing of the job is there for a next one */
export function wayFor({ nix, store, mounted, root, mounts }: Ground, ends: boolean, hosted: boolean): Way {
  if (nix === "foreign") return "beside";
  if (nix === "missing" && !root) return "home";
  // What is registered in a store that stays has to stay, too.
  if (ends && store && !hosted) return "beside";
  return ends && mounts && !mounted ? "overlay" : "into";
}

export const formFor = ({ mounts }: Ground): Form => (mounts ? "squashfs" : "tar");

export async function readGround(): Promise<Ground> {
  const [nix, store, mountinfo, root] = await Promise.all([
    ownerOfNix(),
    isThere("/nix/store"),
    readFile("/proc/self/mountinfo", "utf8"),
    capabilitiesOfRoot(),
  ]);
  const mounted = mountinfo.split("\n").some((line) => line.split(" ")[4] === "/nix/store");
  // CAP_SYS_ADMIN: in a container root may be without.
  const mounts = root !== undefined && (root & (1n << 21n)) !== 0n && (await kernelMounts());
  return { nix, store, mounted, root: root !== undefined, mounts };
}

async function ownerOfNix(): Promise<Ground["nix"]> {
  const uid = process.getuid?.() ?? 0;
  const nix = await lstat("/nix").catch(() => undefined);
  if (nix === undefined) return "missing";
  if (!nix.isDirectory() || (await isThere("/nix/var/nix/daemon-socket/socket"))) return "foreign";
  for (const path of ["/nix", "/nix/store", "/nix/var", "/nix/var/nix", "/nix/var/nix/db"]) {
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined) continue;
    const writable = await access(path, constants.W_OK).then(
      () => true,
      () => false,
    );
    // Root may write to what is another's.
    if (stat.uid !== uid || !writable) return "foreign";
  }
  return "own";
}

/** @returns undefined where nothing can be run as root */
async function capabilitiesOfRoot(): Promise<bigint | undefined> {
  const { code, stdout } = await tryRunAsRoot("cat", ["/proc/self/status"]);
  const [, mask] = /^CapEff:\s*([0-9a-f]+)$/m.exec(stdout) ?? [];
  return code === 0 && mask !== undefined ? BigInt(`0x${mask}`) : undefined;
}

async function kernelMounts(): Promise<boolean> {
  const known = async () => /^\tsquashfs$/m.test(await readFile("/proc/filesystems", "utf8"));
  if (!(await isThere("/dev/loop-control"))) return false;
  if (await known()) return true;
  await tryRunAsRoot("modprobe", ["squashfs"]);
  return known();
}
