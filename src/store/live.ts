import type { Build } from "./events.ts";
import type { Image, Layer, Store } from "./store.ts";

/** What of a store is worth keeping. */
export interface Choice {
  /** Whether an image of this name is wanted. */
  wanted: (name: string) => boolean;
  /** Those of this job, in the order of their ends. */
  builds: readonly Build[];
  /** Ids of the images that this job added to the store. */
  added: ReadonlySet<string>;
  /** Names and ids of the images that this job used. */
  used: ReadonlySet<string>;
  /** Keep only what this job added or used. */
  onlyUsed: boolean;
}

const week = 7 * 24 * 3600 * 1000;

/**
 * The images of a store that are worth keeping, with the layers that they stand on:
 *
 * - those with a wanted name, and the nameless ones that a build has left behind on the way to them;
 * - nameless ends of builds, such as the stages of a multi-stage build: those of this job if their build went well, those of
 *   earlier jobs for a week, or until the image that they stand on loses its name.
 *
 * What has had a name and lost it, to a newer image or by `podman untag`, is not.
 */
export function liveStore(store: Store, { wanted, builds, added, used, onlyUsed }: Choice): Store {
  const layers = new Map(store.layers.map((layer) => [layer.id, layer]));
  const kept = new Set<string>();
  const keep = (images: readonly Image[]) => {
    for (const image of images) for (const { id } of layersOf(image, layers)) kept.add(id);
    return images;
  };
  const isUsed = ({ id, names = [] }: Image) =>
    added.has(id) || [id, ...names].some((name) => used.has(name));
  const isWanted = ({ names = [] }: Image) => names.some(wanted);
  const named = keep(store.images.filter((image) => isWanted(image) && (!onlyUsed || isUsed(image))));
  const isNameless = ({ names = [] }: Image) => names.length === 0;
  // The base of an image, too, is on the way to it, even if only a Containerfile named it.
  const behind = store.images.filter(
    (image) => (isNameless(image) || isWanted(image)) && kept.has(image.layer ?? ""),
  );
  // The steps on the way to an image that is left out go with it.
  const leftOut = new Set(
    store.images
      .filter((image) => hadName(image) && !named.includes(image) && !behind.includes(image))
      .flatMap((image) => layersOf(image, layers).map(({ id }) => id)),
  );
  // What stands on an image that lost its name, such as yesterday's base, is nobody's next build's.
  const lost = new Set(
    store.images
      .filter((image) => hadName(image) && isNameless(image) && !behind.includes(image))
      .map(({ layer }) => layer),
  );
  const standsOnLost = (image: Image) => layersOf(image, layers).some(({ id }) => lost.has(id));
  const madeAt = ({ layer }: Image): number => Date.parse(layers.get(layer ?? "")?.created ?? "") || 0;
  const newest = store.images.filter(isNameless).reduce((time, image) => Math.max(time, madeAt(image)), 0);
  const ends = keep(
    store.images.filter((image) => {
      if (behind.includes(image) || hadName(image) || leftOut.has(image.layer ?? "")) return false;
      // The build that a step is of is the first to end after it.
      if (added.has(image.id)) return builds.find(({ end }) => end >= madeAt(image))?.wentWell ?? false;
      return !onlyUsed && !standsOnLost(image) && madeAt(image) > newest - week;
    }),
  );
  const live = new Set([...named, ...behind, ...ends]);
  return {
    layers: store.layers.filter(({ id }) => kept.has(id)),
    images: store.images.filter((image) => live.has(image)),
  };
}

/** Whether an image has a name or had one; what a build calls an image until it has committed it is none. */
const hadName = ({ names = [], "names-history": history = [] }: Image): boolean =>
  [...names, ...history].some((name) => !/\/[0-9a-f]{64}-tmp:latest$/.test(name));

/** An image's layers from the top down, those of its other id maps too, as far as they are there. */
function layersOf(image: Image, layers: ReadonlyMap<string, Layer>): Layer[] {
  const found = new Set<Layer>();
  for (const top of [image.layer, ...(image["mapped-layers"] ?? [])]) {
    let layer = layers.get(top ?? "");
    // A layer that was met before ends the way down: the rest is there, or the lists lead in a circle.
    while (layer !== undefined && !found.has(layer)) {
      found.add(layer);
      layer = layers.get(layer.parent ?? "");
    }
  }
  return [...found];
}

/** Bytes of layers as they are unpacked, for those of which podman knows. */
export const bytesOf = (layers: readonly Layer[]): number =>
  layers.reduce((sum, layer) => sum + (layer["diff-size"] ?? 0), 0);

/** The part of a store whose images and layers are in another. */
export function partIn(whole: Store, { layers, images }: Store): Store {
  const layerIds = new Set(whole.layers.map(({ id }) => id));
  const imageIds = new Set(whole.images.map(({ id }) => id));
  return {
    layers: layers.filter(({ id }) => layerIds.has(id)),
    images: images.filter(({ id }) => imageIds.has(id)),
  };
}
