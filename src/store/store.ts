import { readFile } from "node:fs/promises";
import { join } from "node:path";

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
  /** Top layer. */
  layer?: string;
  /** The same top layer with other id maps. */
  "mapped-layers"?: string[];
}

/** The metadata of a store of the overlay driver, as containers/storage writes it. */
export interface Store {
  layers: Layer[];
  images: Image[];
}

/** @param graphRoot absolute path; a store that nobody has used yet is empty */
export async function readStore(graphRoot: string): Promise<Store> {
  const [layers, images] = await Promise.all([
    readList<Layer>(join(graphRoot, "overlay-layers", "layers.json")),
    readList<Image>(join(graphRoot, "overlay-images", "images.json")),
  ]);
  return { layers, images };
}

async function readList<T>(file: string): Promise<T[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "[]";
    throw error;
  });
  return JSON.parse(text) as T[];
}

/**
 * The part of a store worth keeping: its images, and the layers that they stand on. What containers and
 * half-finished pulls and builds have beside them is left out.
 */
export function imagesOf({ layers, images }: Store): Store {
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  const kept = new Set<string>();
  for (const image of images) {
    for (const top of [image.layer, ...(image["mapped-layers"] ?? [])]) {
      // A parent that is not here is in a segment below.
      for (let layer = byId.get(top ?? ""); layer !== undefined; layer = byId.get(layer.parent ?? "")) {
        if (kept.has(layer.id)) break;
        kept.add(layer.id);
      }
    }
  }
  return { layers: layers.filter(({ id, flags }) => kept.has(id) && flags?.incomplete !== true), images };
}
