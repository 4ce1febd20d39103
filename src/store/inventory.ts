import type { Environment } from "../environment/environment.ts";
import { keptContents, readKept } from "./kept.ts";
import { joined, readStore, type Store } from "./store.ts";

/** An image of a store. */
export interface InventoryImage {
  id: string;
  /** Empty for one without a name. */
  names: string[];
  /** Bytes of its layers, unpacked; those that it shares with others are counted for each. */
  size: number;
}

export interface Inventory {
  /** The largest first. */
  images: InventoryImage[];
  /** Bytes of all layers, unpacked. */
  size: number;
}

/** What podman has: in the writable store and in the segments below it. */
export async function readInventory({
  graphRoot,
  driver,
}: Pick<Environment, "graphRoot" | "driver">): Promise<Inventory> {
  const { chain = [] } = (await readKept(graphRoot)) ?? {};
  const below = await Promise.all(chain.map((digest) => keptContents(graphRoot, digest)));
  const own = await readStore(graphRoot, driver === "vfs" ? "vfs" : "overlay");
  return inventoryOf(joined([...below.flatMap((part) => part?.store ?? []), own]));
}

export function inventoryOf({ layers, images }: Store): Inventory {
  const known = new Map(layers.map((layer) => [layer.id, layer]));
  const sizeOf = (top: string | undefined): number => {
    let size = 0;
    for (let layer = known.get(top ?? ""); layer !== undefined; layer = known.get(layer.parent ?? ""))
      size += layer["diff-size"] ?? 0;
    return size;
  };
  const list = images.map(({ id, names = [], layer }) => ({ id, names, size: sizeOf(layer) }));
  return {
    images: list.sort((a, b) => b.size - a.size || a.id.localeCompare(b.id)),
    size: layers.reduce((sum, layer) => sum + (layer["diff-size"] ?? 0), 0),
  };
}
