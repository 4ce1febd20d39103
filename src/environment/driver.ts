import { warning } from "@actions/core";
import { hasProgram } from "../flake/rootfs.ts";
import type { StorageDriver } from "../inputs.ts";
import type { Nix } from "../nix/find.ts";

/** What may serve as storage driver. */
interface Drivers {
  driver: StorageDriver;
  /** Where the rootfs has no fuse-overlayfs. */
  withoutFuse: "overlay" | "vfs";
}

/** The storage driver that a rootfs has the programs for; another one than asked for is a warning. */
export async function driverFor(
  { driver, withoutFuse }: Drivers,
  nix: Pick<Nix, "directory">,
  rootfs: string,
): Promise<StorageDriver> {
  if (driver !== "fuse-overlayfs" || (await hasProgram(nix, rootfs, "fuse-overlayfs"))) return driver;
  const cost =
    withoutFuse === "overlay" ? "the kernel's overlay is used" : "vfs is used, which copies whole images";
  warning(`The flake has podman without fuse-overlayfs, and so has the machine: ${cost}`);
  return withoutFuse;
}
