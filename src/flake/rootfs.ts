import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { info } from "@actions/core";
import type { Nix } from "../nix/nix.ts";
import { runNix } from "../nix/nix.ts";
import { currentSystem } from "../nix/releases.ts";
import { substituteRootfs } from "./locked-rootfs.ts";
import { parseReference } from "./reference.ts";
import { build, candidateAttributes, lockFlake } from "./resolve.ts";

/** What a flake has that becomes the environment's root. */
export type Contents =
  /** Store path of an FHS root with podman in it. */
  | { kind: "fhs"; path: string }
  /** Absolute store paths of programs, podman among them, by name; the rest of the root is the machine's. */
  | { kind: "programs"; programs: Record<string, string> };

export interface Rootfs {
  /** Absolute path of the FHS root: a store path, or a tree that was laid out around programs. */
  path: string;
  contents: Contents;
  /** Store paths with whose closures the environment is whole. */
  roots: string[];
  /** Locked reference of the flake. */
  url: string;
  /** Commit or content hash of the flake. */
  rev: string;
}

export interface RootfsRequest {
  /** As in the input of that name. */
  flake: string | undefined;
  /** Absolute path of the action's checkout. */
  action: string;
  /** Directory to which a relative flake reference relates. */
  workspace: string;
  /** Where to put the symlink that keeps the rootfs from garbage collection. */
  link: string;
}

/**
 * Builds the FHS root of a flake, and makes sure that podman is in it.
 *
 * @throws {Error} for a flake that cannot be read or built, or that has no podman
 */
export async function buildRootfs(nix: Nix, request: RootfsRequest): Promise<Rootfs> {
  if (request.flake === undefined) {
    const locked = await substituteRootfs(nix, request.action, currentSystem(), request.link);
    if (locked !== undefined) return locked;
  }
  const reference = parseReference(request.flake, request.action, request.workspace);
  const locked = await lockFlake(nix, reference);
  info(`Flake ${locked.url}, revision ${locked.rev}`);
  const attributes =
    reference.attribute === undefined
      ? await candidateAttributes(nix, locked, currentSystem())
      : [reference.attribute];
  for (const attribute of attributes) {
    const path = await findRootfs(nix, await build(nix, locked, attribute, request.link));
    if (path === undefined) continue;
    info(`Rootfs ${path}, of ${attribute}`);
    return { path, contents: { kind: "fhs", path }, roots: [path], ...locked };
  }
  throw new Error(
    `${locked.url}#${attributes.join(", ")} has no FHS root with podman: neither the package nor a path it refers to has usr/bin/podman. Name a package built by buildFHSEnv with podman in it.`,
  );
}

/** The FHS root that an output is, or that it refers to: launchers keep theirs in their closure. */
async function findRootfs(nix: Nix, output: string): Promise<string | undefined> {
  if (await hasPodman(output)) return output;
  const closure = await runNix(nix, ["path-info", "--recursive", output]);
  for (const path of fhsRoots(closure)) if (await hasPodman(path)) return path;
  return undefined;
}

/**
 * The store paths that are named as FHS roots are: NAME-fhs by chrootenv and bubblewrap up to 2024,
 * NAME-fhsenv-rootfs since.
 *
 * @param closure store paths, one a line
 */
export function fhsRoots(closure: string): string[] {
  return closure.split("\n").filter((path) => /-(fhs|fhsenv-rootfs)$/.test(path));
}

async function hasPodman(root: string): Promise<boolean> {
  try {
    // The entry itself, not what it links to: that may exist inside the environment only.
    await lstat(join(root, "usr", "bin", "podman"));
    return true;
  } catch {
    return false;
  }
}
