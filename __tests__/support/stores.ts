import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Store } from "../../src/store/store.ts";

/** Writes a file, and the directories above it. */
export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** Writes what podman would have of a store below a graph root, each layer with one file of its own. */
export function writeStore(root: string, { layers, images }: Store): void {
  for (const { id } of layers) {
    write(join(root, "overlay", id, "diff", `file of ${id}`), id);
    write(join(root, "overlay", id, "link"), `LINK${id}`);
    write(join(root, "overlay", "l", `LINK${id}`), "");
    write(join(root, "overlay-layers", `${id}.tar-split.gz`), id);
  }
  for (const { id } of images) write(join(root, "overlay-images", id, "manifest"), id);
  write(join(root, "overlay-layers", "layers.json"), JSON.stringify(layers));
  write(join(root, "overlay-layers", "layers.lock"), "");
  write(join(root, "overlay-images", "images.json"), JSON.stringify(images));
  write(join(root, "overlay-images", "images.lock"), "");
}

/**
 * Packs a store as a segment, by mksquashfs alone.
 *
 * @param spoil what to do to its files before
 */
export function writeSegment(
  file: string,
  store: Store,
  spoil: (root: string) => void = () => undefined,
): void {
  const root = mkdtempSync(join(tmpdir(), "segment-"));
  try {
    writeStore(root, store);
    spoil(root);
    mkdirSync(dirname(file), { recursive: true });
    const args = [root, file, "-quiet", "-no-progress", "-noappend"];
    const { status, stderr } = spawnSync("mksquashfs", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`mksquashfs failed: ${stderr}`);
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** What a segment of a chain holds: a layer on that of the one below, and an image of it. */
export const storeOf = (digest: string, below?: string): Store => ({
  layers: [{ id: `l${digest}`, ...(below !== undefined && { parent: `l${below}` }) }],
  images: [{ id: `i${digest}`, layer: `l${digest}`, names: [`${digest}:1`] }],
});
