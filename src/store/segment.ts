import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shortDigest } from "../digest.ts";
import { type Environment, inside, tryInside } from "../environment/environment.ts";
import type { ColdStart } from "./cold-start.ts";
import { mount, mountpointOf, unmount } from "./mount.ts";
import type { Source } from "./source.ts";
import { listSquashfs, makeSquashfs, readFromSquashfs } from "./squashfs.ts";
import { metadata, parseStore, type Store, tags } from "./store.ts";

/** A read-only archive of part of a store. */
export interface Segment {
  /** From the ids in it, not its bytes: 12 hexadecimal digits. */
  digest: string;
  /** Absolute path of the squashfs image. */
  file: string;
  /** Fetched by this job; otherwise it was on the machine. */
  fetched?: boolean;
  /** Of the job whose store began the chain; absent where the entry has none. */
  cold?: ColdStart;
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
  return shortDigest(text);
}

/**
 * Packs images and their layers, and reads them back.
 *
 * @param directory where to put the archive, and the lists that it is made from
 * @param seconds that packing may take
 * @returns the size in bytes
 */
export async function pack(
  environment: Environment,
  digest: string,
  store: Store,
  { root, excluded }: Source,
  directory: string,
  seconds: number,
): Promise<number> {
  const file = join(directory, `${digest}.squashfs`);
  const lists = join(directory, `${digest}.lists`);
  await mkdir(lists, { recursive: true });
  try {
    const exclude = join(lists, "exclude");
    await writeFile(exclude, excluded.map((path) => `${path}\n`).join(""));
    await writeFile(join(lists, "layers.json"), JSON.stringify(store.layers));
    await writeFile(join(lists, "images.json"), JSON.stringify(store.images));
    const sources = ["overlay", "overlay-images", "overlay-layers"].map((name) => join(root, name));
    // The lists take the place of the store's own.
    const made = { [metadata.layers]: "layers.json", [metadata.images]: "images.json" };
    await makeSquashfs(environment, file, { sources, exclude, made, directory: lists }, seconds);
    await verify(environment, { digest, file }, store);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
  return (await stat(file)).size;
}

/** @throws {Error} naming the first layer or image that an archive does not have */
async function verify(environment: Environment, segment: Segment, store: Store): Promise<void> {
  const paths = await list(environment, segment);
  const wanted = [
    ...store.layers.flatMap(({ id }) => filesOf(id)),
    ...store.images.map(({ id }) => `overlay-images/${id}`),
    ...Object.values(metadata),
    // podman refuses a read-only store without it.
    "overlay-layers/layers.lock",
  ];
  const missing = wanted.find((path) => !paths.has(path));
  if (missing !== undefined) throw new Error(`${segment.file} was packed without ${missing}`);
}

/** Mounted, as the next job will do it, where that is possible here. */
async function list(environment: Environment, segment: Segment): Promise<Set<string>> {
  if ((await mount(environment, segment)).by === "nothing")
    return new Set((await listSquashfs(environment, segment.file)).keys());
  try {
    const find = [mountpointOf(segment.digest), "-maxdepth", "3", "-printf", "%P\\n"];
    return new Set((await inside(environment, "find", find)).split("\n"));
  } finally {
    await unmount(environment, segment.digest);
  }
}

const filesOf = (layer: string): string[] => [`overlay/${layer}/link`, `overlay/${layer}/diff`];

/**
 * What a segment holds: a layer that is listed, but has no files, is left out.
 *
 * @throws {Error} for a file that is no segment, or is damaged
 */
export async function readSegment(environment: Environment, { file }: Segment): Promise<Store> {
  const [entries, layers, images] = await Promise.all([
    listSquashfs(environment, file),
    readFromSquashfs(environment, file, metadata.layers),
    readFromSquashfs(environment, file, metadata.images),
  ]);
  refuseForeign(entries);
  const store = parseStore(layers, images);
  const own = store.layers.filter(({ id }) => filesOf(id).every((path) => entries.has(path)));
  await refuseForeignLayers(
    environment,
    file,
    own.map(({ id }) => `overlay/${id}`),
    entries,
  );
  return { ...store, layers: own };
}

/**
 * A layer's files are behind links, and podman follows them: those of a store lead to its own layers, and no other part
 * of it is a link. Somebody else's could lead to the user's files.
 *
 * @param entries as listSquashfs gives them
 * @throws {Error} naming the first that is no part of a store
 */
export function refuseForeign(entries: ReadonlyMap<string, string>): void {
  for (const [path, kind] of entries) {
    const [top = "", second, third] = path.split("/");
    const isLink = top === "overlay" && second === "l" && third !== undefined;
    const fits = isLink ? /^(l \.\.\/[0-9A-Za-z]+\/diff|-)$/ : /^[d-]$/;
    if (!tops.has(top) || (second === undefined && kind !== "d") || !fits.test(kind))
      throw new Error(`it has what is no part of an image store: ${JSON.stringify(path)}`);
  }
}

const tops = new Set(["overlay", "overlay-images", "overlay-layers"]);

/** Of each layer, its link's name and those of the layers below: podman makes paths of them. */
async function refuseForeignLayers(
  environment: Environment,
  file: string,
  layers: readonly string[],
  entries: ReadonlyMap<string, string>,
): Promise<void> {
  const read = async (name: string) => {
    const paths = layers.map((layer) => `${layer}/${name}`).filter((path) => entries.has(path));
    return paths.length === 0 ? "" : await readFromSquashfs(environment, file, ...paths);
  };
  const [links, lower] = await Promise.all([read("link"), read("lower")]);
  if (!/^[0-9A-Za-z]*$/.test(links) || !/^(l\/[0-9A-Za-z]+:?)*$/.test(lower))
    throw new Error("it has layers that do not stand on layers");
}

/**
 * What a mounted segment holds; its files may be gone from the disk, as after a reset of the store.
 *
 * @returns undefined where it is not mounted
 */
export async function readMounted(environment: Environment, digest: string): Promise<Store | undefined> {
  const read = (path: string) => tryInside(environment, "cat", [join(mountpointOf(digest), path)]);
  const [layers, images] = await Promise.all([read(metadata.layers), read(metadata.images)]);
  return layers.code === 0 && images.code === 0 ? parseStore(layers.stdout, images.stdout) : undefined;
}
