import { isAtLeast } from "./version.ts";

/** What this action does otherwise with an older podman: the first version, major and minor, that can do it. */
const since = {
  /** Serves an API that Docker's own clients and Compose can use; https://lists.debian.org/debian-go/2021/01/msg00064.html */
  "Docker-compatible API": [3, 0],
  /** Builds and commits on images of read-only stores. */
  "build on read-only stores": [5, 3],
  /** Keeps cache mounts of builds apart by user, in a directory that is named after the uid. */
  "cache mounts by user": [4, 4],
} as const satisfies Record<string, readonly [number, number]>;

export type PodmanFeature = keyof typeof since;

/** @param version such as "5.8.2" */
export function podmanCan(version: string, feature: PodmanFeature): boolean {
  const [major, minor] = since[feature];
  return isAtLeast(version, major, minor);
}
