import { realpath } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { tryRun } from "../exec.ts";
import { isThere } from "../files.ts";

export interface Checkout {
  /** Ids of the commit, and of its tree: 40 hexadecimal digits. */
  commit: string;
  tree: string;
  /** The directory that was asked about, relative to the checkout's top; empty at the top. */
  directory: string;
}

/** The directory above which Nix takes a path for a git repository: the nearest one with `.git`, if there is one. */
export async function repositoryOf(directory: string): Promise<string | undefined> {
  if (await isThere(join(directory, ".git"))) return directory;
  return directory === dirname(directory) ? undefined : await repositoryOf(dirname(directory));
}

/**
 * What git knows of a directory in a checkout of `repository`, as long as the files are those of the commit. Files that
 * git does not track are no part of a flake.
 *
 * @returns undefined where a file differs, and where git cannot tell
 */
export async function cleanCheckout(repository: string, directory: string): Promise<Checkout | undefined> {
  const args = ["status", "--porcelain", "--untracked-files=no", "--ignore-submodules=none"];
  const status = await git(repository, args);
  if (status !== "") return undefined;
  const ids = await git(repository, ["rev-parse", "HEAD", "HEAD^{tree}", "--show-toplevel"]);
  const [commit, tree, ...top] = ids?.replace(/\n$/, "").split("\n") ?? [];
  // Git passes over a `.git` that is none, and takes the repository around it.
  if (top.join("\n") !== (await realpath(repository))) return undefined;
  return isId(commit) && isId(tree)
    ? { commit, tree, directory: relative(repository, directory) }
    : undefined;
}

const isId = (text: string | undefined): text is string => /^[0-9a-f]{40}$/.test(text ?? "");

async function git(repository: string, args: readonly string[]): Promise<string | undefined> {
  // What a repository's own settings would start, and what would lead to another repository, stays out.
  const others = Object.keys(process.env).filter((name) => /^GIT_(?!CONFIG_(GLOBAL|SYSTEM)$)/.test(name));
  const { code, stdout } = await tryRun(
    "git",
    ["-C", repository, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", ...args],
    { env: { ...Object.fromEntries(others.map((name) => [name, undefined])), GIT_OPTIONAL_LOCKS: "0" } },
  );
  return code === 0 ? stdout : undefined;
}
