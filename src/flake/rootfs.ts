import { join } from "node:path";
import { shortDigest } from "../digest.ts";
import { info } from "../log.ts";
import type { Nix } from "../nix/find.ts";
import { currentSystem } from "../nix/releases.ts";
import { type Contents, rootsOf } from "./contents.ts";
import { layOutRootfs } from "./layout.ts";
import { substituteRootfs } from "./locked-rootfs.ts";
import { keep, keptDirectory, recall } from "./record.ts";
import { parseReference } from "./reference.ts";
import { type LockedFlake, lockFlake } from "./resolve.ts";
import { search } from "./search.ts";

export type { Contents } from "./contents.ts";

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
  /** Absolute path of the user's directory for this action: `roots` in it keeps what is in the store, `rootfs` has trees. */
  own: string;
  /** Looks whether the cache has the rootfs, once the flake is locked. */
  cached?: (flake: LockedFlake) => Promise<Rootfs | undefined>;
}

/**
 * Builds what a flake has of podman, and makes an FHS root of it.
 *
 * @throws {Error} for a flake that cannot be read or built, or that has no podman
 */
export async function buildRootfs(nix: Nix, request: RootfsRequest): Promise<Rootfs> {
  if (request.flake === undefined) {
    const link = join(request.own, "roots", shortDigest(request.action), "built");
    const locked = await substituteRootfs(nix, request.action, currentSystem(), link);
    if (locked !== undefined) return locked;
  }
  const reference = parseReference(request.flake, request.action, request.workspace);
  const flake = await lockFlake(nix, reference);
  info(`Flake ${flake.url}, revision ${flake.rev}`);
  const cached = await request.cached?.(flake);
  if (cached !== undefined) return cached;
  const system = currentSystem();
  const kept = keptDirectory(join(request.own, "roots"), flake, reference.attribute, system);
  const before = await recall(nix, kept);
  const found = before ?? (await search(nix, flake, reference.attribute, system, kept));
  if (before === undefined) await keep(kept, found);
  const { contents, attribute } = found;
  const path = await layOutRootfs(contents, join(request.own, "rootfs"));
  info(`Rootfs ${path}, of ${attribute}${before === undefined ? "" : ", as built before"}`);
  return { path, contents, roots: rootsOf(contents), url: flake.url, rev: flake.rev };
}
