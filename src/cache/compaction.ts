import { formatBytes } from "../log.ts";
import { bytesOf } from "../store/live.ts";
import type { Store } from "../store/store.ts";

/** More segments than this are not stacked up. */
export const longestChain = 8;

/** What a chain would be with a next segment on it. */
export interface Growth {
  /** Contents of the segments of now, and of what is to be added. */
  parts: readonly Store[];
  /** What of all that is worth keeping. */
  live: Store;
  /** Bytes of the segments' archives of now. */
  size: number;
  /** Bytes that the archives may take together. */
  limit: number;
}

/** Why a chain has to be made anew, from what is worth keeping, rather than grow; undefined: it need not be. */
export function compactionReason({ parts, live, size, limit }: Growth): string | undefined {
  // Nothing can be won from a chain that has not begun.
  if (parts.length <= 1) return undefined;
  if (parts.length > longestChain) return `it has ${parts.length - 1} segments`;
  const bytes = bytesOf(parts.flatMap(({ layers }) => layers));
  const dead = bytes - bytesOf(live.layers);
  if (dead > bytes - dead) return `${formatBytes(dead)} of its ${formatBytes(bytes)} are no longer used`;
  if (size > limit) return `it takes ${formatBytes(size)}, and cache-max-size is ${formatBytes(limit)}`;
  return undefined;
}
