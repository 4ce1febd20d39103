import { expect, test } from "@jest/globals";
import { cacheObstacle } from "../../src/cache/obstacle.ts";

const old = (version: string) =>
  `podman ${version} cannot build on read-only image stores; 5.3 and newer can`;
const vfs = "the vfs driver keeps a whole copy for each layer; use fuse-overlayfs or overlay";

test.each([
  ["5.8.2", "fuse-overlayfs", undefined],
  ["5.3.0", "overlay", undefined],
  ["5.10.0", "overlay", undefined],
  ["6.0.0", "fuse-overlayfs", undefined],
  ["10.1.0", "overlay", undefined],
  ["5.4.0-dev", "overlay", undefined],
  ["5.2.9", "overlay", old("5.2.9")],
  ["4.9.3", "fuse-overlayfs", old("4.9.3")],
  ["3.0.0", "overlay", old("3.0.0")],
  ["2.2.1", "overlay", old("2.2.1")],
  ["5.8.2", "vfs", vfs],
  ["4.3.1", "vfs", vfs],
] as const)("podman %s with %s", (version, driver, obstacle) => {
  expect(cacheObstacle(version, driver)).toBe(obstacle);
});
