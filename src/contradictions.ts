import type { Inputs } from "./inputs.ts";

/**
 * Refuses inputs of which one would keep another from what it says. What `cache: false` leaves without an effect, such as
 * `cache-volumes`, is no contradiction: one switch, perhaps an expression, is to be enough to turn all of it off.
 *
 * @throws {Error} naming both
 */
export function refuseContradictions({
  cache,
  images,
  pull,
}: Pick<Inputs, "cache" | "images" | "pull">): void {
  if (cache.mode === "false" && cache.failOnMiss) {
    throw new Error(
      "Give fail-on-cache-miss or cache: false, not both: without the cache every job is a miss",
    );
  }
  if (cache.mode === "false" && cache.lookupOnly) {
    throw new Error(
      "Give lookup-only or cache: false, not both: without the cache there is nothing to look up",
    );
  }
  if (cache.mode === "true" && cache.lookupOnly) {
    throw new Error(
      "Give lookup-only or cache: true, not both: the one brings nothing back and saves nothing, the other does both",
    );
  }
  if (pull === "newer" && images.length === 0) {
    throw new Error("Give images with pull: newer: it says which of them are pulled again");
  }
}
