import type { StorageDriver } from "../inputs.ts";

/**
 * Why the store of this podman cannot be cached, or undefined where it can be.
 *
 * @param podmanVersion such as "5.8.2"
 */
export function cacheObstacle(podmanVersion: string, driver: StorageDriver): string | undefined {
  if (driver === "vfs")
    return "the vfs driver keeps a whole copy for each layer; use fuse-overlayfs or overlay";
  const [major = 0, minor = 0] = podmanVersion.split(".").map(Number);
  if (major < 5 || (major === 5 && minor < 3)) {
    return `podman ${podmanVersion} cannot build on read-only image stores; 5.3 and newer can`;
  }
  return undefined;
}
