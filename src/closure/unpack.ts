import { mkdir, mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../exec.ts";
import { moveIn, removeTree } from "../nix/store-path.ts";

/** Where store paths come from: an archive, or the directory at which one is mounted. */
export type Source = { tar: string } | { directory: string };

/**
 * Brings those of the store paths that a store lacks into it: beside their places first, so that there is no half path
 * at any time.
 *
 * @param names of store paths, without /nix/store
 * @param store absolute path of the directory that they go to
 * @returns those that were missing, but for what another job has brought in meanwhile
 */
export async function bringIn(source: Source, names: readonly string[], store: string): Promise<string[]> {
  await mkdir(store, { recursive: true });
  const there = new Set(await readdir(store));
  const missing = names.filter((name) => !there.has(name));
  if (missing.length === 0) return [];
  const beside = await mkdtemp(join(store, ".podman-rootless-"));
  const moved: string[] = [];
  try {
    await copy(source, missing, beside);
    await refuseForeign(beside);
    for (const name of missing) {
      if (await moveIn(join(beside, name), join(store, name))) moved.push(name);
    }
  } finally {
    await removeTree(beside);
  }
  return moved;
}

/**
 * Nothing that Nix makes has a device in it, or a program that runs as its owner; what root unpacks would have both.
 *
 * @throws {Error} naming the first that there is
 */
async function refuseForeign(directory: string): Promise<void> {
  const foreign = ["!", "-type", "f", "!", "-type", "d", "!", "-type", "l"];
  const special = ["-type", "f", "-perm", "/6000"];
  const found = await run("find", [
    ...[directory, "(", ...foreign, "-o", ...special, ")"],
    ...["-printf", "%P (%M)", "-quit"],
  ]);
  if (found !== "") throw new Error(`its archive has what no store path has: ${found}`);
}

function copy(source: Source, names: readonly string[], to: string): Promise<string> {
  // A closure may have more names than fit into a command's arguments: they come in parts.
  const parts: string[][] = [];
  for (let at = 0; at < names.length; at += 500) parts.push(names.slice(at, at + 500));
  return parts.reduce<Promise<string>>(async (before, part) => {
    await before;
    return "tar" in source
      ? run("tar", ["--extract", "--no-same-owner", "--file", source.tar, "--directory", to, "--", ...part])
      : run("cp", [
          ...["--recursive", "--no-dereference", "--preserve=mode,timestamps,links", "--reflink=auto"],
          ...["--target-directory", to, "--", ...part.map((name) => join(source.directory, name))],
        ]);
  }, Promise.resolve(""));
}
