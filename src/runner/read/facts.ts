import { stat } from "node:fs/promises";
import { machine, release } from "node:os";
import { join } from "node:path";
import { within } from "../../deadline.ts";
import { findNix } from "../../nix/find.ts";
import type { Facts, NixFacts } from "../facts.ts";
import { readCgroups } from "./cgroups.ts";
import { readContainer } from "./container.ts";
import { openDevice } from "./file.ts";
import { readMapper } from "./mappers.ts";
import { readMounts } from "./mounts.ts";
import { onlyChrootExplains, readAppArmor, readChroot, readNamespaces } from "./namespaces.ts";
import { readPrivileges } from "./privileges.ts";
import { versionOf } from "./program.ts";
import { readSession } from "./session.ts";
import { readStorage } from "./storage.ts";
import { readSubordinate } from "./subordinate.ts";
import { readUser } from "./user.ts";

export interface FactsRequest {
  /** Absolute path of the image store; undefined: the usual one, in the user's home. */
  storageRoot: string | undefined;
}

/** Reads what is so on this machine. It never throws, and leaves nothing behind. */
export async function readFacts({ storageRoot }: FactsRequest): Promise<Facts> {
  const [user, mounts = []] = await Promise.all([readUser(), readMounts("self")]);
  const [
    container,
    below,
    privileges,
    namespaces,
    appArmor,
    subordinate,
    devices,
    storage,
    cgroups,
    session,
    ...rest
  ] = await Promise.all([
    readContainer(),
    readChroot(),
    readPrivileges(),
    readNamespaces(),
    readAppArmor(),
    readSubordinate(user, mounts),
    readDevices(),
    readStorage(storageRoot ?? join(user.home, ".local/share/podman-rootless"), mounts),
    readCgroups(user.uid, mounts),
    readSession(user),
    readMapper("uid", mounts),
    readMapper("gid", mounts),
    readNix(user.uid),
    versionOf("podman"),
  ]);
  const [uid, gid, nix, hostPodman] = rest;
  return {
    user,
    kernel: { release: release(), architecture: machine() },
    container,
    chroot: below || onlyChrootExplains(namespaces, privileges, appArmor),
    privileges,
    namespaces,
    appArmor,
    subordinate,
    mappers: { uid, gid },
    devices,
    storage,
    cgroups,
    session,
    nix,
    hostPodman,
  };
}

async function readDevices(): Promise<Facts["devices"]> {
  const [fuse, tun] = await Promise.all([openDevice("/dev/fuse"), openDevice("/dev/net/tun")]);
  return { fuse, tun };
}

async function readNix(uid: number): Promise<NixFacts> {
  const [found, directory] = await Promise.all([
    within(5, "nix --version", findNix()).catch(() => undefined),
    stat("/nix").catch(() => undefined),
  ]);
  return {
    program: found && { path: join(found.bin, "nix"), version: found.version },
    directory: directory === undefined ? "absent" : directory.uid === uid ? "own" : "other",
  };
}
