import { join } from "node:path";
import type { Kind } from "../cache/restore.ts";
import { shortDigest } from "../digest.ts";
import { type Environment, inside, tryInside } from "../environment/environment.ts";
import type { System } from "../nix/releases.ts";
import { podmanCan } from "../podman-features.ts";
import { majorMinor } from "../version.ts";
import { readLabels } from "./segment.ts";

/** Files that podman keeps outside of its images, and that are cached as a chain of their own. */
export interface Tree {
  /** What keys of its chain begin with. */
  prefix: string;
  /** A volume's name; undefined: the cache mounts of builds. */
  volume: string | undefined;
}

/** Where a tree is, once it is there. */
export interface Ground {
  /** Absolute path of its directory. */
  root: string;
  /** Of a volume, as NAME=VALUE. */
  labels: string[];
}

export interface TreeRequest {
  cacheMounts: boolean;
  cacheVolumes: readonly string[];
  /** Input `cache-key`. */
  name: string;
  system: System;
  /** Such as "5.8.2". */
  podmanVersion: string;
}

// Of what is in a segment; a change makes older entries unreadable.
const schema = "v1";

export function treesOf({ cacheMounts, cacheVolumes, name, system, podmanVersion }: TreeRequest): Tree[] {
  const version = majorMinor(podmanVersion);
  // buildah has laid them out anew more than once: podman 4.3, 5.4 and 5.8 each do it in a way of their own.
  const mounts = {
    prefix: `podman-rootless-mounts-${schema}-${system}-podman${version}-${name}+`,
    volume: undefined,
  };
  // Neither a cache's name nor a volume's can have a "+".
  const volumes = [...new Set(cacheVolumes)].map((volume) => ({
    prefix: `podman-rootless-volume-${schema}-${system}-${name}+${volume}+`,
    volume,
  }));
  return [...(cacheMounts ? [mounts] : []), ...volumes];
}

/** For messages. */
export const titleOf = ({ volume }: Tree): string =>
  volume === undefined ? "files of the cache mounts" : `files of the volume ${volume}`;

export const kindOf = (tree: Tree): Kind => ({ suffix: ".tar", starts: `the ${titleOf(tree)} start` });

/** For names of files: a volume's name may differ from another's in case only, or be "mounts". */
export const fileNameOf = ({ prefix }: Tree): string => shortDigest(prefix);

/**
 * Finds a tree's directory.
 *
 * @returns undefined for a volume that is not there
 * @throws {Error} for a volume whose data is somewhere else
 */
export async function groundOf(environment: Environment, { volume }: Tree): Promise<Ground | undefined> {
  if (volume === undefined) return { root: await mountsDirectory(environment), labels: [] };
  const { code, stdout } = await tryInside(environment, "podman", ["volume", "inspect", volume]);
  if (code !== 0) return undefined;
  const [{ Driver, Mountpoint, Labels, Options }] = JSON.parse(stdout);
  if (Driver !== "local" || Options?.type !== undefined || Options?.device !== undefined)
    throw new Error("only local volumes without a type and a device of their own can be");
  return { root: Mountpoint, labels: Object.entries(Labels ?? {}).map(([key, value]) => `${key}=${value}`) };
}

/** As `groundOf`; makes a missing volume, with the labels that a segment's had. */
export async function provideGround(
  environment: Environment,
  tree: Tree,
  segment: string,
  directory: string,
): Promise<Ground> {
  const ground = await groundOf(environment, tree);
  if (ground !== undefined || tree.volume === undefined) return ground as Ground;
  const labels = (await readLabels(environment, segment, directory)).flatMap((label) => ["--label", label]);
  await inside(environment, "podman", ["volume", "create", ...labels, tree.volume]);
  return (await groundOf(environment, tree)) as Ground;
}

/**
 * Where buildah keeps the mounts: below TMPDIR, or what containers.conf(5) says, or /var/tmp; since podman 4.4 each
 * user's apart.
 *
 * @see https://github.com/containers/buildah/blob/v1.43.1/internal/volumes/volumes.go CacheParent
 */
export async function mountsDirectory(environment: Environment): Promise<string> {
  const format = "{{.Store.ImageCopyTmpDir}} {{.Version.Version}}";
  const info = (await inside(environment, "podman", ["info", "--format", format])).trim();
  const [version = ""] = info.split(" ").slice(-1);
  const temporary = info.slice(0, -version.length - 1);
  const own = podmanCan(version, "cache mounts by user") ? `-${process.getuid?.() ?? 0}` : "";
  return join(temporary, `buildah-cache${own}`);
}
