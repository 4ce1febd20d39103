import { expect, test } from "@jest/globals";
import { type Ability, cacheAbility } from "../../src/cache/ability.ts";

const old = (version: string): Ability => ({
  can: "unpack",
  why: `podman ${version} cannot build on read-only image stores`,
});
const mount: Ability = { can: "mount" };
const nothing: Ability = {
  can: "nothing",
  why: "the vfs driver keeps a whole copy for each layer; use fuse-overlayfs or overlay",
};

test.each([
  ["5.8.2", "fuse-overlayfs", mount],
  ["5.3.0", "overlay", mount],
  ["5.10.0", "overlay", mount],
  ["6.0.0", "fuse-overlayfs", mount],
  ["10.1.0", "overlay", mount],
  ["5.4.0-dev", "overlay", mount],
  ["5.2.9", "overlay", old("5.2.9")],
  ["4.9.3", "fuse-overlayfs", old("4.9.3")],
  ["3.0.0", "overlay", old("3.0.0")],
  ["2.2.1", "overlay", old("2.2.1")],
  ["5.8.2", "vfs", nothing],
  ["4.3.1", "vfs", nothing],
] as const)("podman %s with %s", (version, driver, ability) => {
  expect(cacheAbility(version, driver)).toEqual(ability);
});

test("without squashfs's programs nothing is cached", () => {
  expect(cacheAbility("5.8.2", "overlay", true)).toEqual(mount);
  expect(cacheAbility("5.8.2", "overlay", false)).toEqual({
    can: "nothing",
    why: "neither the flake nor the machine has mksquashfs and unsquashfs; install squashfs-tools",
  });
});
