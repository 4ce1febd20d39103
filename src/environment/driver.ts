import { warning } from "@actions/core";
import type { StorageDriver } from "../inputs.ts";
import type { Environment } from "./environment.ts";
import { hasProgram } from "./programs.ts";

/** What may serve as storage driver. */
interface Drivers {
  driver: StorageDriver;
  /** Where the rootfs has no fuse-overlayfs. */
  withoutFuse: "overlay" | "vfs";
}

/** The storage driver that a rootfs has the programs for; another one than asked for is a warning. */
export async function driverFor(
  { driver, withoutFuse }: Drivers,
  root: Pick<Environment, "rootfs" | "nix">,
): Promise<StorageDriver> {
  if (driver !== "fuse-overlayfs" || (await hasProgram(root, "fuse-overlayfs"))) return driver;
  const cost =
    withoutFuse === "overlay" ? "the kernel's overlay is used" : "vfs is used, which copies whole images";
  warning(`Neither the flake nor the machine has fuse-overlayfs: ${cost}`);
  return withoutFuse;
}
