import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { layOutRootfs, type MachineFiles, planTree } from "../../src/flake/layout.ts";

const machine: MachineFiles = {
  root: ["lib", "lib64"],
  usr: ["bin", "lib", "libexec", "sbin", "share"],
  libexec: ["openssh", "podman"],
  podmanLibexec: ["catatonit", "quadlet"],
  etc: ["alternatives", "containers", "ld.so.cache", "passwd", "shadow"],
  programs: [
    ["/usr/bin", ["awk", "podman", "sh"]],
    ["/bin", ["awk", "sh"]],
    ["/usr/sbin", ["iptables", "nft"]],
    ["/sbin", []],
    ["/run/current-system/sw/bin", ["sh", "nixos-version"]],
  ],
};
const podman = "/nix/store/a-podman/bin/podman";
const nft = "/nix/store/a-nftables/bin/nft";
const catatonit = "/nix/store/a-catatonit/bin/catatonit";

test.each([
  ["a program of the flake's, not the machine's", "usr/bin/podman", podman],
  ["and where podman looks first", "usr/libexec/podman/catatonit", catatonit],
  ["and in sbin, where the machine has it there", "usr/sbin/nft", nft],
  ["a program of the machine's", "usr/bin/awk", "/host/usr/bin/awk"],
  ["of its sbin", "usr/sbin/iptables", "/host/usr/sbin/iptables"],
  [
    "of NixOS, by the path that it has in the environment too",
    "usr/bin/nixos-version",
    "/run/current-system/sw/bin/nixos-version",
  ],
  [
    "a helper of the machine's podman that the flake lacks",
    "usr/libexec/podman/quadlet",
    "/host/usr/libexec/podman/quadlet",
  ],
  ["others of libexec", "usr/libexec/openssh", "/host/usr/libexec/openssh"],
  ["libraries", "usr/lib", "/host/usr/lib"],
  ["the loader", "lib64", "/host/lib64"],
  ["bin", "bin", "usr/bin"],
  ["users, by which enter.sh knows such a tree", "etc/passwd", "/host/etc/passwd"],
  ["what programs need of /etc", "etc/ld.so.cache", "/host/etc/ld.so.cache"],
  ["the rest of /etc", "etc/shadow", undefined],
  ["the machine's settings for podman", "etc/containers", undefined],
  ["what the machine does not have", "etc/ssl", undefined],
])("%s: %s", (_, path, target) => {
  expect(planTree({ podman, nft, catatonit }, machine).get(path)).toBe(target);
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "layout-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const contents = { kind: "programs", programs: { podman, catatonit } } as const;

test("an FHS root is taken as it is", async () => {
  expect(await layOutRootfs({ kind: "fhs", path: "/nix/store/a" }, directory)).toBe("/nix/store/a");
  expect(readdirSync(directory)).toEqual([]);
});

test("the tree's path follows from the programs, in whatever order they are", async () => {
  const { programs } = contents;
  const tree = await layOutRootfs(contents, directory);
  expect(tree).toMatch(new RegExp(`^${directory}/[0-9a-f]{12}$`));
  const reversed = Object.fromEntries(Object.entries(programs).reverse());
  expect(await layOutRootfs({ kind: "programs", programs: reversed as typeof programs }, directory)).toBe(
    tree,
  );
  expect(await layOutRootfs({ kind: "programs", programs: { podman } }, directory)).not.toBe(tree);
});

test("a tree that is out of date is brought in line in place, as an environment may stand on it", async () => {
  const tree = await layOutRootfs(contents, directory);
  const before = lstatSync(join(tree, "usr/bin")).ino;
  const sh = readlinkSync(join(tree, "usr/bin/sh"));
  rmSync(join(tree, "usr/bin/sh"));
  symlinkSync("/elsewhere", join(tree, "usr/bin/podman-old"));
  rmSync(join(tree, "usr/bin/podman"));
  symlinkSync("/elsewhere", join(tree, "usr/bin/podman"));
  writeFileSync(`${tree}.links`, "an older list\n");
  expect(await layOutRootfs(contents, directory)).toBe(tree);
  expect(readlinkSync(join(tree, "usr/bin/sh"))).toBe(sh);
  expect(readlinkSync(join(tree, "usr/bin/podman"))).toBe(podman);
  expect(readdirSync(join(tree, "usr/bin"))).not.toContain("podman-old");
  expect(lstatSync(join(tree, "usr/bin")).ino).toBe(before);
});

test("two jobs at once make one whole tree", async () => {
  mkdirSync(join(directory, "deep"));
  const trees = await Promise.all([1, 2, 3].map(() => layOutRootfs(contents, join(directory, "deep"))));
  expect(new Set(trees).size).toBe(1);
  const names = readdirSync(join(trees[0] as string, "usr/bin"));
  expect(names).toEqual(expect.arrayContaining(["env", "podman", "sh"]));
  expect(names.filter((name) => /new/.test(name) && name.startsWith("podman"))).toEqual([]);
});
