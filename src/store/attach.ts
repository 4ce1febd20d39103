import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { warning } from "@actions/core";
import { command, type Environment } from "../environment/environment.ts";
import { info, messageOf } from "../log.ts";
import { type Contents, type KeptChain, keepContents, keptContents, keptSegments, type Way } from "./kept.ts";
import { mount, mountpointOf } from "./mount.ts";
import { readSegment, type Segment } from "./segment.ts";
import { intact, joined } from "./store.ts";
import { tryUnpack, writeMetadata } from "./unpack.ts";

/** The digests of the segments that are part of the store now: all, or those before the first that cannot be. */
export type Attached = Omit<KeptChain, "prefix">;

interface Part extends Contents {
  segment: Segment;
  way: Way;
}

/**
 * Makes segments part of an empty store: mounted, as additional image stores of podman, or where that cannot be
 * done unpacked.
 *
 * @param segments oldest first; each stands on those before it
 * @param unpack them all, whether they can be mounted or not
 */
export async function attach(
  environment: Environment,
  segments: readonly Segment[],
  unpack: boolean,
): Promise<Attached> {
  const parts: Part[] = [];
  for (const segment of segments) {
    const part = await attachOne(environment, segment, parts, unpack);
    if (part === undefined) break;
    parts.push(part);
  }
  const unpacked = parts.filter(({ way }) => way === "unpacked");
  if (unpacked.length > 0) {
    await writeMetadata(environment.graphRoot, joined(unpacked.map(({ store }) => store)));
    for (const { segment } of unpacked) await rm(segment.file, { force: true });
  }
  for (const { segment, store, size, way } of parts) {
    const { digest, fetched = false, cold } = segment;
    const from = fetched ? "cache" : "machine";
    await keepContents(environment.graphRoot, digest, { store, size, way, from, ...(cold && { cold }) });
  }
  await configure(
    environment,
    parts.filter(({ way }) => way !== "unpacked").map(({ segment }) => segment),
  );
  return {
    chain: parts.map(({ segment }) => segment.digest),
    unpacked: unpacked.map(({ segment }) => segment.digest),
  };
}

/** @returns undefined, after a warning, for a segment that cannot be part of the store */
async function attachOne(
  environment: Environment,
  segment: Segment,
  below: readonly Contents[],
  unpack: boolean,
): Promise<Part | undefined> {
  try {
    const size = (await stat(segment.file)).size;
    const { store, broken } = intact(
      below.map((part) => part.store),
      await readSegment(environment, segment),
    );
    for (const id of broken) warning(`Image ${id} is left out: a layer that it stands on is missing`);
    // A mounted segment would show them.
    const way = !unpack && broken.length === 0 ? await tryMount(environment, segment) : undefined;
    if (way !== undefined) return { segment, store, size, way };
    const done = await tryUnpack(environment, segment, store);
    return done ? { segment, store, size, way: "unpacked" } : undefined;
  } catch (error) {
    warning(`Segment ${segment.digest} cannot be read: ${messageOf(error)}`);
    return undefined;
  }
}

/** @returns by what; undefined where that cannot be done, and a warning says why not */
async function tryMount(
  environment: Environment,
  segment: Segment,
): Promise<Exclude<Way, "unpacked"> | undefined> {
  const { digest } = segment;
  const mounted = await mount(environment, segment);
  if (mounted.by === "kernel") info(`Segment ${digest} is mounted by the kernel, idmapped`);
  if (mounted.by === "squashfuse") info(`Segment ${digest} is mounted by squashfuse (${mounted.why})`);
  if (mounted.by === "nothing") warning(`Segment ${digest} cannot be mounted (${mounted.why})`);
  return mounted.by === "nothing" ? undefined : mounted.by;
}

/** Mounts what an earlier job on this machine has attached to a store that is still there. */
export async function reattach(environment: Environment, kept: KeptChain): Promise<Attached> {
  const mounted: Segment[] = [];
  const chain: string[] = [];
  for (const segment of keptSegments(environment.graphRoot, kept)) {
    const { digest } = segment;
    const way = kept.unpacked.includes(digest) ? "unpacked" : await tryMount(environment, segment);
    if (way === undefined) break;
    if (way !== "unpacked") mounted.push(segment);
    const contents = await keptContents(environment.graphRoot, digest);
    if (contents) await keepContents(environment.graphRoot, digest, { ...contents, way, from: "machine" });
    chain.push(digest);
  }
  await configure(environment, mounted);
  return { chain, unpacked: kept.unpacked };
}

/** What an environment of before had mounted, whose end nobody saw, is not to be mounted when it starts anew. */
export async function forget(environment: Environment): Promise<void> {
  await rm(listOf(environment), { force: true });
}

const listOf = ({ directory }: Environment): string => join(directory, "segments");

/** With this list enter.sh configures podman, and mounts them again after the environment was killed. */
async function configure(environment: Environment, mounted: readonly Segment[]): Promise<void> {
  const lines = mounted.map(({ digest, file }) => `${file} ${mountpointOf(digest)}\n`);
  await writeFile(listOf(environment), lines.join(""));
  await command(environment, "mount");
}
