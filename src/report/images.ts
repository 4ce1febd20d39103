import { formatBytes } from "../log.ts";
import type { Inventory, InventoryImage } from "../store/inventory.ts";
import { code, count, table } from "./markdown.ts";

/** Images with a row of their own. */
const shown = 20;
/** Names of one image. */
const namesShown = 3;

/** The largest images of a store, and how many more there are. */
export function imageTable({ images, size }: Inventory): string {
  if (images.length === 0) return "The store has no images.";
  const rows = images
    .slice(0, shown)
    .map((image) => [names(image), code(image.id.slice(0, 12)), formatBytes(image.size)]);
  const rest = images.length - shown;
  return [
    table(["image", "id", "size"], rows),
    "",
    `${rest > 0 ? `And ${rest} more. ` : ""}${count(images.length, "image")}; their layers take ${formatBytes(size)}, those that images share counted once.`,
  ].join("\n");
}

function names({ names: all }: InventoryImage): string {
  if (all.length === 0) return "without a name";
  const some = all.slice(0, namesShown).map((name) => code(name, 200));
  const rest = all.length - namesShown;
  return [...some, ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
}
