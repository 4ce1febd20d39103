import { join } from "node:path";
import { warning } from "@actions/core";
import { type Environment, tryInside } from "../environment/environment.ts";
import { refuseWithoutSpace, replaceFile } from "../files.ts";
import { info, messageOf } from "../log.ts";
import type { Segment } from "./segment.ts";
import { unpackedBytes, unpackSquashfs } from "./squashfs.ts";
import { metadata, type Store } from "./store.ts";

/**
 * Unpacks a segment's files into the store, for a podman that cannot build on read-only stores and for machines that
 * cannot mount one. podman sees nothing of it before {@link writeMetadata}: a kill in between leaves an empty store.
 *
 * @param store what of it will be listed
 * @returns whether that could be done; a warning says why not, and nothing of it is left
 */
export async function tryUnpack(environment: Environment, segment: Segment, store: Store): Promise<boolean> {
  const { graphRoot } = environment;
  const { digest, file } = segment;
  try {
    await refuseWithoutSpace(await unpackedBytes(environment, file), graphRoot);
    await unpackSquashfs(environment, file, graphRoot, [metadata.layers, metadata.images]);
    info(`Segment ${digest} is unpacked`);
    return true;
  } catch (error) {
    warning(`Segment ${digest} cannot be unpacked: ${messageOf(error)}`);
    const left = store.layers.map(({ id }) => join(graphRoot, "overlay", id));
    await tryInside(environment, "rm", ["-rf", ...left]);
    return false;
  }
}

/** Lists what is unpacked as the store's own. */
export async function writeMetadata(graphRoot: string, { layers, images }: Store): Promise<void> {
  for (const [path, list] of [
    [metadata.layers, layers],
    // Last: an image in the list has its layers there.
    [metadata.images, images],
  ] as const) {
    await replaceFile(join(graphRoot, path), JSON.stringify(list));
  }
}
