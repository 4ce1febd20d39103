import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, inside, tryInside } from "../environment/environment.ts";
import type { Store } from "./store.ts";

/** Directories with the files of a store, as the environment sees them. */
export interface Source {
  /** Absolute path of what is laid out as a graph root. */
  root: string;
  /** Absolute paths below it of what does not belong to the images and layers that are packed. */
  excluded: string[];
}

/** The writable store as it lies there. @param store what of it to pack */
export async function writableSource(graphRoot: string, store: Store): Promise<Source> {
  const layers = new Set(store.layers.map(({ id }) => id));
  const images = new Set(store.images.map(({ id }) => id));
  const overlay = join(graphRoot, "overlay");
  const links = new Set(
    await Promise.all(store.layers.map(({ id }) => readFile(join(overlay, id, "link"), "utf8"))),
  );
  const rest = async (directory: string, keep: (name: string) => boolean) =>
    (await readdir(directory)).filter((name) => !keep(name)).map((name) => join(directory, name));
  const excluded = await Promise.all([
    rest(overlay, (name) => layers.has(name) || name === "l"),
    rest(join(overlay, "l"), (name) => links.has(name)),
    rest(join(graphRoot, "overlay-images"), (name) => images.has(name) || name === "images.lock"),
    rest(
      join(graphRoot, "overlay-layers"),
      (name) => layers.has(name.replace(/\.tar-split\.gz$/, "")) || name === "layers.lock",
    ),
  ]);
  return { root: graphRoot, excluded: excluded.flat() };
}

/** Part of a joined store. */
export interface Part {
  /** Where its files are, as the environment sees them: a mounted segment, or the graph root. */
  root: string;
  store: Store;
}

/**
 * One tree made of several stores, without a copy of their layers: those are bound to it. It is there until `release`.
 *
 * @param parts lowest first; what two of them have is the upper's
 * @param store what of them to join
 * @param directory for a list
 */
export async function joinedSource(
  environment: Environment,
  parts: readonly Part[],
  store: Store,
  directory: string,
): Promise<Source & { release: () => Promise<void> }> {
  const root = "/.join";
  const release = async () => {
    await tryInside(environment, "umount", ["--recursive", root]);
  };
  const fstab = join(directory, "joined.fstab");
  try {
    await writeFile(fstab, renderFstab(root, parts, store));
    await inside(environment, "mkdir", ["-p", root]);
    await inside(environment, "mount", ["--all", "--fstab", fstab]);
    const directories = ["overlay/l", "overlay-images", "overlay-layers"].map((path) => join(root, path));
    await inside(environment, "mkdir", ["-p", ...directories]);
    for (const part of parts) await copyRecords(environment, part, store, root);
    const locks = ["overlay-images/images.lock", "overlay-layers/layers.lock"].map((path) =>
      join(root, path),
    );
    // Equal times make equal archives.
    await inside(environment, "touch", ["--date=@0", ...locks, ...directories, join(root, "overlay")]);
    return { root, excluded: [], release };
  } catch (error) {
    await release();
    throw error;
  } finally {
    await rm(fstab, { force: true });
  }
}

/** fstab(5) by which layers come together below `root`. */
export function renderFstab(root: string, parts: readonly Part[], store: Store): string {
  const homes = new Map(parts.flatMap((part) => part.store.layers.map(({ id }) => [id, part.root] as const)));
  const quoted = (path: string) =>
    path.replace(/[\s\\#]/g, (letter) => `\\${letter.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return [
    `tmpfs ${root} tmpfs mode=0700 0 0`,
    ...store.layers.map(({ id }) => {
      const layer = join("overlay", id);
      return `${quoted(join(homes.get(id) ?? root, layer))} ${join(root, layer)} none bind,X-mount.mkdir 0 0`;
    }),
    "",
  ].join("\n");
}

/** The small files beside layers and images: links, tar-split data, manifests and configurations. */
async function copyRecords(
  environment: Environment,
  { root: from, store: own }: Part,
  store: Store,
  root: string,
): Promise<void> {
  const layers = new Set(own.layers.map(({ id }) => id));
  const wanted = store.layers.filter(({ id }) => layers.has(id));
  const images = new Set(own.images.map(({ id }) => id));
  const copy = async (to: string, paths: readonly string[]) => {
    const target = ["--archive", `--target-directory=${join(root, to)}`];
    if (paths.length > 0) await inside(environment, "cp", [...target, ...paths]);
  };
  await copy(
    "overlay-images",
    store.images.filter(({ id }) => images.has(id)).map(({ id }) => join(from, "overlay-images", id)),
  );
  if (wanted.length === 0) return;
  const records = new Set(wanted.map(({ id }) => `${id}.tar-split.gz`));
  const list = [
    join(from, "overlay-layers"),
    "-maxdepth",
    "1",
    "-name",
    "*.tar-split.gz",
    "-printf",
    "%f\\n",
  ];
  const there = (await inside(environment, "find", list)).split("\n").filter((name) => records.has(name));
  await copy(
    "overlay-layers",
    there.map((name) => join(from, "overlay-layers", name)),
  );
  // "PATH:LINK"
  const files = wanted.map(({ id }) => join(from, "overlay", id, "link"));
  const links = (await inside(environment, "grep", ["--with-filename", "", ...files])).trim().split("\n");
  await copy(
    "overlay/l",
    links.map((line) => join(from, "overlay", "l", line.slice(line.lastIndexOf(":") + 1))),
  );
}
