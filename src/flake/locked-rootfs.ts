import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { debug } from "@actions/core";
import { info, lastWords, linesOf, messageOf } from "../log.ts";
import { tryNixStore } from "../nix/commands.ts";
import type { Nix } from "../nix/nix.ts";
import type { System } from "../nix/releases.ts";
import { lockName } from "./digest.ts";
import { type ExportedPath, narHash, narOf, readTree, serializeExport } from "./nar.ts";
import type { Rootfs } from "./rootfs.ts";
import { type LockedRootfs, type LockedTree, readRootfsLock } from "./rootfs-lock.ts";
import { parseTree } from "./tree-text.ts";

/**
 * The rootfs of the action's own flake, without fetching, evaluating or building anything of the flake: its parts
 * come from binary caches, and its tree, with all that no binary cache has, from the lock file of the release.
 * Undefined, after a line that says why, where that cannot be; nothing is left then but store paths, which the next
 * garbage collection removes.
 *
 * @param action absolute path of the action's checkout
 * @param link path of the symlink that keeps the rootfs from garbage collection
 */
export async function substituteRootfs(
  nix: Nix,
  action: string,
  system: System,
  link: string,
): Promise<Rootfs | undefined> {
  try {
    const locked = await readRootfsLock(action, system);
    if (locked === undefined) {
      debug(`No ${lockName}: the flake is evaluated`);
      return undefined;
    }
    const rev = await narHash(await readTree(action));
    await mkdir(dirname(link), { recursive: true });
    await provide(nix, locked, link);
    const path = locked.rootfs;
    info(`Rootfs ${path}, by ${lockName}`);
    const contents = { kind: "fhs", path } as const;
    return { path, contents, roots: [path], url: `path:${action}`, rev };
  } catch (error) {
    await rm(link, { force: true });
    info(`The flake is evaluated, for the rootfs cannot be had without: ${messageOf(error)}`);
    return undefined;
  }
}

async function provide(nix: Nix, { rootfs, parts, trees }: LockedRootfs, link: string): Promise<void> {
  // There from an earlier job, or in somebody's own binary cache.
  if ((await realise(nix, [rootfs], link, false)).code === 0) return;
  const beside = `${link}.parts`;
  try {
    await mkdir(beside, { recursive: true });
    const had = await realise(nix, parts, `${beside}/part`, true);
    if (had.code !== 0) throw new Error(`its parts are not in the binary caches (${reason(had.stderr)})`);
    await takeIn(nix, trees, `${beside}/trees`);
    const kept = await realise(nix, [rootfs], link, false);
    if (kept.code !== 0) throw new Error(`${rootfs} is not in the store (${reason(kept.stderr)})`);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** Fetches store paths where they are not there, and keeps them from garbage collection; there is nothing to build. */
const realise = (nix: Nix, paths: readonly string[], root: string, show: boolean) =>
  tryNixStore(nix, ["--realise", "--add-root", root, ...paths], { show });

/** @param file for the trees' serialisation, on its way to the store */
async function takeIn(nix: Nix, locked: readonly LockedTree[], file: string): Promise<void> {
  const paths: ExportedPath[] = [];
  for (const { path, narHash: expected, references, tree: text } of locked) {
    const { nar, hash } = await narOf(parseTree(text));
    if (hash !== expected) throw new Error(`${lockName} is damaged: ${path} is ${hash}, not ${expected}`);
    paths.push({ path, references, nar });
  }
  await writeFile(file, serializeExport(paths));
  const { code, stderr } = await tryNixStore(nix, ["--import"], { stdin: file });
  // A daemon takes paths without a signature from those only whom it trusts.
  if (code !== 0) throw new Error(`Nix does not take it into the store (${reason(stderr)})`);
}

/** Of what Nix said: a signature that it does not believe is said before the error that comes of it. */
function reason(stderr: string): string {
  const lines = linesOf(stderr).map((line) => line.trim());
  const errors = lines.filter((line) => /^error: ./.test(line));
  const said = lines.find((line) => /^warning: .*\bsign/.test(line)) ?? errors.at(-1) ?? lastWords(stderr);
  return said.replace(/^(warning|error): /, "");
}
