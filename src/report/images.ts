import { formatBytes } from "../log.ts";
import type { Inventory, InventoryImage } from "../store/inventory.ts";
import { code, count, table } from "./markdown.ts";

/** Images with a row of their own. */
const shown = 20;
/** Names of one image. */
const namesShown = 3;

/** The largest images of a store that have names, and how many more there are. */
export function imageTable({ images, size }: Inventory): string {
  if (images.length === 0) return "The store has no images.";
  const named = images.filter(({ names }) => names.length > 0);
  const rows = named
    .slice(0, shown)
    .map((image) => [namesOf(image), code(image.id.slice(0, 12)), formatBytes(image.size)]);
  const [more, nameless] = [named.length - rows.length, images.length - named.length];
  const sentences = [
    ...(more > 0 ? [`And ${more} more.`] : []),
    `${count(images.length, "image")}${nameless > 0 ? `, ${nameless} of them without a name` : ""}; their layers take ${formatBytes(size)}, those that images share counted once.`,
  ];
  return [...(rows.length > 0 ? [table(["image", "id", "size"], rows), ""] : []), sentences.join(" ")].join(
    "\n",
  );
}

function namesOf({ names }: InventoryImage): string {
  const some = names.slice(0, namesShown).map((name) => code(name, 200));
  const rest = names.length - namesShown;
  return [...some, ...(rest > 0 ? [`${rest} more`] : [])].join(", ");
}
