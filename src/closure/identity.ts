import { lstat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isThere } from "../files.ts";
import { flakeDigest } from "../flake/digest.ts";
import type { FlakeReference } from "../flake/reference.ts";
import { cleanCheckout, repositoryOf } from "./git.ts";
import { treeHash } from "./tree.ts";

/** What a flake is, known without Nix. */
export interface Identity {
  /** Equal for equal flakes, unlike for others. */
  digest: string;
  /** As Nix would name its revision, where that follows from what is known. */
  rev?: string;
  /** As Nix would lock the reference, where that follows, too. */
  url?: string;
  /** The flake is the action's own: all that it is made of is locked by the release. */
  own?: true;
}

/**
 * What a flake is, without asking Nix. Whether its flake.lock has all that it is made of remains to be asked, of whoever
 * saves something by this name: see {@link isLocked}.
 *
 * @param own whether the reference is that of the action's own flake
 * @returns undefined where only Nix can tell
 */
export async function identify({ url }: FlakeReference, own: boolean): Promise<Identity | undefined> {
  if (own) return await ownFlake(url.replace(/^path:/, ""), url);
  if (isPinned(url)) return { digest: url, ...revOf(url) };
  const [path = "", query = ""] = url.split("?");
  // Nix decodes URLs; a path with such a sign is left to it.
  if (path.includes("%") || (query !== "" && !/^dir=[\w./-]+$/.test(query))) return undefined;
  if (path.startsWith("path:/")) return await tree(path.slice("path:".length), query, url);
  return path.startsWith("/") ? await checkout(path, query) : undefined;
}

/** By what the outputs are made of: the rest of the action does not matter. */
async function ownFlake(action: string, url: string): Promise<Identity | undefined> {
  const [digest, rev] = await Promise.all([flakeDigest(action), treeHash(action)]);
  return rev === undefined ? undefined : { digest: `own ${digest}`, rev, url, own: true };
}

/** A reference to one commit, which no name or branch can move. */
function isPinned(url: string): boolean {
  const forge = /^(github|gitlab):[\w.-]+\/[\w.%-]+\/[0-9a-f]{40}(\?dir=[\w./-]+)?$/;
  if (forge.test(url)) return true;
  const [scheme = "", query = ""] = url.split("?");
  if (!/^((github|gitlab):[\w.-]+\/[\w.%-]+|git\+(https|http|ssh|file):.*|git:.*)$/.test(scheme))
    return false;
  const settings = new URLSearchParams(query);
  const known = ["rev", "ref", "dir", "shallow", "submodules", "allRefs"];
  return (
    [...settings.keys()].every((name) => known.includes(name)) &&
    settings.getAll("rev").length === 1 &&
    /^[0-9a-f]{40}$/.test(settings.get("rev") ?? "")
  );
}

/** Of a pinned reference: a path or a name in it may look like a commit, too. */
const revOf = (url: string): Pick<Identity, "rev"> => {
  const [path = "", query] = url.split("?");
  const rev = new URLSearchParams(query).get("rev") ?? path.split("/").at(-1);
  return rev ? { rev } : {};
};

/** All files of a directory count, but for git's own, by which nothing is told of the rest. */
async function tree(path: string, query: string, url?: string): Promise<Identity | undefined> {
  if (!(await lstat(path).catch(() => undefined))?.isDirectory()) return undefined;
  const hash = await treeHash(path, [".git"]);
  if (hash === undefined) return undefined;
  const whole = !(await isThere(join(path, ".git")));
  return { digest: `path ${hash} ${query}`, ...(whole && { rev: hash }), ...(url !== undefined && { url }) };
}

/** As Nix takes a path without a scheme: for a git repository where it is in one, or else for a directory. */
async function checkout(path: string, query: string): Promise<Identity | undefined> {
  // As Nix does: without links being followed.
  const top = resolve(path);
  const directory = join(top, query.replace(/^dir=/, ""));
  // Without the first Nix looks further up, and takes `dir` from there.
  for (const place of [top, directory]) if (!(await isThere(join(place, "flake.nix")))) return undefined;
  const repository = await repositoryOf(top);
  if (repository === undefined) return await tree(top, query);
  const found = await cleanCheckout(repository, directory);
  return found && { digest: `git ${found.tree} ${found.directory}`, rev: found.commit };
}
