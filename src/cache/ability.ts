import type { StorageDriver } from "../inputs.ts";
import { podmanCan } from "../podman-features.ts";

/** What a podman can do with a cached store. */
export type Ability = { can: "mount" | "unpack"; why?: string } | { can: "nothing"; why: string };

/**
 * @param podmanVersion such as "5.8.2"
 * @param squashfs whether the environment has mksquashfs and unsquashfs
 */
export function cacheAbility(podmanVersion: string, driver: StorageDriver, squashfs = true): Ability {
  if (driver === "vfs")
    return {
      can: "nothing",
      why: "the vfs driver keeps a whole copy for each layer; use fuse-overlayfs or overlay",
    };
  if (!squashfs) {
    return {
      can: "nothing",
      why: "neither the flake nor the machine has mksquashfs and unsquashfs; install squashfs-tools",
    };
  }
  if (!podmanCan(podmanVersion, "build on read-only stores")) {
    return { can: "unpack", why: `podman ${podmanVersion} cannot build on read-only image stores` };
  }
  return { can: "mount" };
}
