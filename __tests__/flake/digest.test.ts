import { chmod, cp, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { flakeDigest } from "../../src/flake/digest.ts";

let directory: string;
const at = (...names: string[]) => join(directory, "checkout", ...names);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "digest-"));
  await mkdir(at("nix", "etc"), { recursive: true });
  await mkdir(at("src"));
  await writeFile(at("flake.nix"), "{ }");
  await writeFile(at("flake.lock"), "{}");
  await writeFile(at("nix", "rootfs.nix"), "{ }: 1");
  await writeFile(at("nix", "etc", "policy.json"), "{}");
  await writeFile(at("src", "main.ts"), "main");
});

afterEach(() => rm(directory, { recursive: true }));

test.each<[string, () => Promise<void>]>([
  ["another flake.nix", () => writeFile(at("flake.nix"), "{  }")],
  ["another flake.lock", () => writeFile(at("flake.lock"), "{ }")],
  ["no flake.lock", () => rm(at("flake.lock"))],
  ["another file deep in nix/", () => writeFile(at("nix", "etc", "policy.json"), "[]")],
  ["one file more", () => writeFile(at("nix", "more.nix"), "")],
  ["an executable bit", () => chmod(at("nix", "rootfs.nix"), 0o755)],
  ["a link in place of a file", () => replaceByLink()],
  ["two files whose bytes together are the same", () => shiftBytes()],
])("%s is another digest", async (_, change) => {
  const before = await flakeDigest(at());
  await change();
  expect(await flakeDigest(at())).not.toBe(before);
});

async function replaceByLink(): Promise<void> {
  await rm(at("nix", "rootfs.nix"));
  await symlink("{ }: 1", at("nix", "rootfs.nix"));
}

async function shiftBytes(): Promise<void> {
  await writeFile(at("nix", "rootfs.nix"), "{ }: ");
  await writeFile(at("nix", "etc", "policy.json"), "1{}");
}

test.each<[string, () => Promise<void>]>([
  ["another file beside", () => writeFile(at("src", "main.ts"), "other")],
  ["the rootfs' lock file", () => writeFile(at("nix", "rootfs.lock.json"), "{}")],
  ["another time", () => utimes(at("flake.nix"), 1, 1)],
  ["other permissions", () => chmod(at("flake.nix"), 0o400)],
])("%s is the same digest", async (_, change) => {
  const before = await flakeDigest(at());
  expect(before).toMatch(/^[0-9a-f]{64}$/);
  await change();
  expect(await flakeDigest(at())).toBe(before);
});

test("a copy elsewhere has the same digest", async () => {
  await cp(at(), join(directory, "copy"), { recursive: true });
  expect(await flakeDigest(join(directory, "copy"))).toBe(await flakeDigest(at()));
});
