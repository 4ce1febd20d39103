import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../log.ts";

/** A layer as overlay-layers/layers.json has it; more fields come along untouched. */
export interface Layer {
  id: string;
  parent?: string;
  /** Set while a layer is being made; what is left after that is half a layer. */
  flags?: { incomplete?: boolean };
}

/** An image as overlay-images/images.json has it. */
export interface Image {
  id: string;
  names?: string[];
  /** Top layer; absent for an image without files. */
  layer?: string;
  /** The same top layer with other id maps. */
  "mapped-layers"?: string[];
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

/** @param graphRoot absolute path; a store that nobody has used yet is empty */
export async function readStore(graphRoot: string): Promise<Store> {
  return {
    layers: await readList<Layer>(join(graphRoot, metadata.layers)),
    images: await readList<Image>(join(graphRoot, metadata.images)),
  };
}

async function readList<T>(file: string): Promise<T[]> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as T[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Error(`Cannot read ${file}: ${messageOf(error)}`);
  }
}

export interface Added {
  /** What is new. */
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
  const imagesBelow = new Map(below.flatMap((store) => store.images).map((image) => [image.id, tags(image)]));
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

/** An image's names as one text, the same whatever their order. */
export const tags = ({ names = [] }: Image): string => [...names].sort().join(" ");
