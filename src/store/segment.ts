import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, inside } from "../environment/environment.ts";
import { metadata, type Store, tags } from "./store.ts";

/** A read-only archive of part of a store. */
export interface Segment {
  /** From the ids in it, not its bytes: 12 hexadecimal digits. */
  digest: string;
  /** Absolute path of the squashfs image. */
  file: string;
}

/**
 * The name of what a store adds. Equal for equal layers, images and tags, whatever their bytes on disk.
 *
 * @param salt makes a name of its own, for a segment that has to be newer than an equal one of before
 */
export function storeDigest({ layers, images }: Store, salt = ""): string {
  const lines = [
    ...layers.map(({ id }) => `layer ${id}`),
    ...images.map((image) => `image ${image.id} ${tags(image)}`),
  ];
  const text = [...lines.sort(), ...(salt === "" ? [] : [`salt ${salt}`])].join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/**
 * Packs images and their layers into one squashfs. It is made inside the environment, so that the archive
 * holds the ids of the namespace (0 to 65536) and fits any host's subordinate range.
 *
 * @param directory where to put it, and the lists that it is made from
 * @returns the file's path, and its size in bytes
 */
export async function pack(
  environment: Environment,
  digest: string,
  store: Store,
  directory: string,
): Promise<{ file: string; size: number }> {
  const { graphRoot } = environment;
  const file = join(directory, `${digest}.squashfs`);
  const lists = join(directory, `${digest}.lists`);
  await mkdir(lists, { recursive: true });
  try {
    await writeFile(
      join(lists, "exclude"),
      (await excluded(graphRoot, store)).map((path) => `${path}\n`).join(""),
    );
    await writeFile(join(lists, "layers.json"), JSON.stringify(store.layers));
    await writeFile(join(lists, "images.json"), JSON.stringify(store.images));
    const sources = ["overlay", "overlay-images", "overlay-layers"].map((name) => join(graphRoot, name));
    // The lists take the place of the store's own: pseudo files, read by a command that mksquashfs runs in its
    // working directory.
    await inside(
      environment,
      "mksquashfs",
      [
        ...[...sources, file],
        ...["-noappend", "-no-progress", "-quiet", "-comp", "zstd", "-Xcompression-level", "3"],
        ...["-mkfs-time", "0", "-ef", join(lists, "exclude")],
        ...["-p", `${metadata.layers} f 600 0 0 cat layers.json`],
        ...["-p", `${metadata.images} f 600 0 0 cat images.json`],
      ],
      { cwd: lists },
    );
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
  return { file, size: (await stat(file)).size };
}

/** Absolute paths in the store of what does not belong to the images and layers given. */
async function excluded(graphRoot: string, store: Store): Promise<string[]> {
  const layers = new Set(store.layers.map(({ id }) => id));
  const images = new Set(store.images.map(({ id }) => id));
  const overlay = join(graphRoot, "overlay");
  const links = new Set(
    await Promise.all(store.layers.map(({ id }) => readFile(join(overlay, id, "link"), "utf8"))),
  );
  const rest = async (directory: string, keep: (name: string) => boolean) =>
    (await readdir(directory)).filter((name) => !keep(name)).map((name) => join(directory, name));
  return [
    ...(await rest(overlay, (name) => layers.has(name) || name === "l")),
    ...(await rest(join(overlay, "l"), (name) => links.has(name))),
    ...(await rest(join(graphRoot, "overlay-images"), (name) => images.has(name) || name === "images.lock")),
    ...(await rest(
      join(graphRoot, "overlay-layers"),
      (name) => layers.has(name.replace(/\.tar-split\.gz$/, "")) || name === "layers.lock",
    )),
  ];
}
