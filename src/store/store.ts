import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../log.ts";

/** A layer as overlay-layers/layers.json has it; more fields come along untouched. */
export interface Layer {
  id: string;
  parent?: string;
  /** Set while a layer is being made; what is left after that is half a layer. */
  flags?: { incomplete?: boolean };
  /** Bytes, unpacked. */
  "diff-size"?: number;
  /** By the clock of who stored it, as in RFC 3339. */
  created?: string;
}

/** An image as overlay-images/images.json has it. */
export interface Image {
  id: string;
  names?: string[];
  /** Top layer; absent for an image without files. */
  layer?: string;
  /** The same top layer with other id maps. */
  "mapped-layers"?: string[];
  /** Names that it has and had. */
  "names-history"?: string[];
}

/** The metadata of a store of the overlay driver, as containers/storage writes it. */
export interface Store {
  layers: Layer[];
  images: Image[];
}

/** Paths of the metadata, below a graph root. */
export const metadata = {
  layers: "overlay-layers/layers.json",
  images: "overlay-images/images.json",
} as const;

/**
 * @param graphRoot absolute path; a store that nobody has used yet is empty
 * @param driver whose names the directories have
 */
export async function readStore(graphRoot: string, driver: "overlay" | "vfs" = "overlay"): Promise<Store> {
  const [layers, images] = await Promise.all(
    [metadata.layers, metadata.images].map((path) =>
      readList(join(graphRoot, path.replace("overlay", driver))),
    ),
  );
  return parseStore(layers ?? "[]", images ?? "[]", graphRoot);
}

async function readList(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * @param layers text of layers.json
 * @param images text of images.json
 * @param place for the error's words: a graph root, or nothing for a segment's
 * @throws {Error} when a text is no list of layers or images with ids; those become names of files
 */
export function parseStore(layers: string, images: string, place = ""): Store {
  const parse = (text: string, path: string): unknown[] => {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list) && list.every(isListed)) return list;
    } catch (error) {
      throw new Error(`Cannot read ${place}/${path}: ${messageOf(error)}`);
    }
    throw new Error(`Cannot read ${place}/${path}: an entry has no id of letters and digits`);
  };
  return {
    layers: parse(layers, metadata.layers) as Layer[],
    images: parse(images, metadata.images) as Image[],
  };
}

const isId = (id: unknown): boolean => /^[0-9A-Za-z]{1,128}$/.test(String(id));

const isListed = (entry: unknown): boolean =>
  typeof entry === "object" &&
  entry !== null &&
  "id" in entry &&
  [entry.id, ...others(entry)].every((id) => isId(id));

/** The layers that a layer or an image names; an empty name is as none. */
function others({ parent, layer, "mapped-layers": mapped }: Record<string, unknown>): unknown[] {
  return [parent, layer, ...(Array.isArray(mapped) ? mapped : [mapped])].filter(
    (id) => id !== undefined && id !== null && id !== "",
  );
}

/** Part of a store. */
export interface Added {
  store: Store;
  /** Ids of images that are left out because a layer below them is nowhere to be found. */
  broken: string[];
}

/**
 * What a writable store has that the read-only stores below it have not: its images, and the layers that they
 * stand on. What containers and half-finished pulls and builds have beside them is left out, and so are images
 * that podman has merely copied up, as it does for a tag.
 *
 * @param below the read-only stores, lowest first
 */
export function addedTo(below: readonly Store[], { layers, images }: Store): Added {
  const layersBelow = new Set(below.flatMap((store) => store.layers).map(({ id }) => id));
  const imagesBelow = new Map(joined(below).images.map((image) => [image.id, tags(image)]));
  const complete = new Map(
    layers.filter(({ flags }) => flags?.incomplete !== true).map((layer) => [layer.id, layer]),
  );
  /** The layers from `top` down to those below, or undefined when one is missing. */
  const chainOf = (top: string | undefined): Layer[] | undefined => {
    if (!top || layersBelow.has(top)) return [];
    const layer = complete.get(top);
    const rest = layer && chainOf(layer.parent);
    return rest && [layer, ...rest];
  };

  const kept = new Set<string>();
  const broken: string[] = [];
  const added = images.filter((image) => {
    const chain = chainOf(image.layer);
    if (chain === undefined) broken.push(image.id);
    if (chain === undefined || imagesBelow.get(image.id) === tags(image)) return false;
    for (const top of image["mapped-layers"] ?? []) chain.push(...(chainOf(top) ?? []));
    for (const { id } of chain) kept.add(id);
    return true;
  });
  return { store: { layers: layers.filter(({ id }) => kept.has(id)), images: added }, broken };
}

/**
 * What several stores are together, one on top of the other. A layer or an image that two have is the upper's, and a
 * name belongs to the image that had it last.
 *
 * @param stores lowest first
 */
export function joined(stores: readonly Store[]): Store {
  const layers = new Map<string, Layer>();
  const images = new Map<string, Image>();
  for (const store of stores) {
    for (const layer of store.layers) layers.set(layer.id, layer);
    const taken = new Set(store.images.flatMap(({ names = [] }) => names));
    for (const [id, image] of images) {
      const { names = [] } = image;
      if (names.some((name) => taken.has(name)))
        images.set(id, {
          ...image,
          names: names.filter((name) => !taken.has(name)),
          "names-history": [...new Set([...names, ...(image["names-history"] ?? [])])],
        });
    }
    for (const image of store.images) images.set(image.id, image);
  }
  return { layers: [...layers.values()], images: [...images.values()] };
}

/**
 * A store without the images that stand on a layer which neither it nor one below has.
 *
 * @param below lowest first
 */
export function intact(below: readonly Store[], store: Store): Added {
  const parents = new Map(
    [...below, store].flatMap(({ layers }) => layers).map(({ id, parent }) => [id, parent]),
  );
  const isWhole = (top: string | undefined): boolean =>
    !top || (parents.has(top) && isWhole(parents.get(top)));
  const broken = store.images.filter(({ layer }) => !isWhole(layer));
  return {
    store: { ...store, images: store.images.filter((image) => !broken.includes(image)) },
    broken: broken.map(({ id }) => id),
  };
}

/** An image's names as one text, the same whatever their order. */
export const tags = ({ names = [] }: Image): string => [...names].sort().join(" ");
