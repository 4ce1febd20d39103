import { shortDigest } from "../digest.ts";
import { runNix, tryNix } from "../nix/commands.ts";
import type { Nix } from "../nix/nix.ts";
import { flakeError } from "./errors.ts";
import type { FlakeReference } from "./reference.ts";

export interface LockedFlake {
  /** Locked reference: evaluates to the same outputs everywhere. */
  url: string;
  /** Commit, or content hash where the flake has no commit. */
  rev: string;
  /** Digest of all that its inputs are locked to. */
  inputs: string;
}

/** Fields of `nix flake metadata --json` that are used here. */
interface Metadata {
  url?: string;
  resolvedUrl?: string;
  revision?: string;
  locked?: { rev?: string; narHash?: string };
  /** As in flake.lock, of what is not in that file, too. */
  locks?: unknown;
}

/** @throws {Error} with Nix's own last words when the flake cannot be fetched or read */
export async function lockFlake(nix: Nix, reference: FlakeReference): Promise<LockedFlake> {
  const output = await tryNix(nix, ["flake", "metadata", "--json", "--no-write-lock-file", reference.url]);
  if (output.code !== 0) throw flakeError(`Cannot read the flake ${reference.url}`, output.stderr, nix);
  return parseMetadata(output.stdout, reference.url);
}

/** @param json what `nix flake metadata --json` prints */
export function parseMetadata(json: string, reference: string): LockedFlake {
  const metadata = JSON.parse(json) as Metadata;
  const rev = metadata.revision ?? metadata.locked?.rev ?? metadata.locked?.narHash ?? "";
  // A path is locked by its content, and Nix may not take such a URL back: it stays as given.
  const url = reference.startsWith("path:") ? reference : (metadata.url ?? metadata.resolvedUrl ?? reference);
  return { url, rev, inputs: shortDigest(JSON.stringify(metadata.locks ?? {})) };
}

/** What came of trying an attribute: store paths, or why there are none. */
export type Tried<T> = T | { problem: string } | { absent: true };

/**
 * Builds, or fetches from a binary cache, and keeps the result from garbage collection.
 *
 * @param link path of the symlink by which the store path is a root of the garbage collector
 */
export async function build(
  nix: Nix,
  { url }: LockedFlake,
  attribute: string,
  link: string,
): Promise<Tried<{ output: string }>> {
  const installable = `${url}#${attribute}`;
  const { code, stdout, stderr } = await tryNix(
    nix,
    ["build", "--json", "--no-write-lock-file", "--out-link", link, installable],
    { show: true },
  );
  if (code !== 0) return failure(`Cannot build ${installable}`, stderr, nix);
  const [result] = JSON.parse(stdout) as { outputs: Record<string, string> }[];
  const output = result?.outputs.out ?? Object.values(result?.outputs ?? {})[0];
  return output === undefined
    ? { problem: `Nix built ${installable} but named no output: ${stdout}` }
    : { output };
}

/** Whether Nix says that a flake has no such attribute. */
export const isAbsent = (stderr: string): boolean => /does not provide attribute/.test(stderr);

const failure = (what: string, stderr: string, nix: Nix): { problem: string } | { absent: true } =>
  isAbsent(stderr) ? { absent: true } : { problem: flakeError(what, stderr, nix).message };

/**
 * The PATH of a development shell. What it needs is built; nothing of the shell itself, such as its shellHook, is run.
 *
 * @returns absolute paths of directories in the store
 */
export async function shellPath(
  nix: Nix,
  { url }: LockedFlake,
  attribute: string,
): Promise<Tried<{ path: string[] }>> {
  const installable = `${url}#${attribute}`;
  const args = ["print-dev-env", "--json", "--no-write-lock-file", installable];
  const { code, stdout, stderr } = await tryNix(nix, args, { show: true });
  if (code !== 0) return failure(`Cannot read the development shell ${installable}`, stderr, nix);
  return { path: parsePath(stdout) };
}

/** @param json what `nix print-dev-env --json` prints */
export function parsePath(json: string): string[] {
  const { variables } = JSON.parse(json) as { variables: Record<string, { value?: unknown } | undefined> };
  const path = variables.PATH?.value;
  if (typeof path !== "string") return [];
  return [...new Set(path.split(":"))].filter((directory) => directory.startsWith("/nix/store/"));
}

/** Keeps store paths from garbage collection: by a symlink, and, of more than one, others beside it. */
export async function keepPaths(nix: Nix, paths: readonly string[], link: string): Promise<void> {
  await runNix(nix, ["build", "--out-link", link, ...paths]);
}
