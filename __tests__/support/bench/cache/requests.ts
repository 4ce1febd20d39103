import type { CachedStore } from "../../../../src/cache/bring-back.ts";
import type { Environment } from "../../../../src/environment/environment.ts";
import type { Segment } from "../../../../src/store/segment.ts";

/** How segments become part of a store. */
export type Way = "mounted by the kernel" | "mounted by squashfuse" | "unpacked";

/** What ours.ts is asked in the machine; paths are the machine's. */
export interface Requests {
  /** Pack what a store has beyond the segments that it stands on into a directory, emptied before, and that into a file. */
  pack: { environment: Environment; chain: string[]; directory: string; archive: string };
  /** Attach segments to an empty store, and run a container of an image. It fails where they come to be there otherwise. */
  attach: { environment: Environment; segments: Segment[]; way: Way; image: string };
  /** Upload a segment to the cache service. */
  publish: { segment: Segment; prefix: string; temporary: string };
  /** Fetch what is published, and attach it to an empty store. */
  bringBack: { environment: Environment; prefix: string; temporary: string };
}

/** Times in milliseconds. */
export interface Answers {
  pack: { digest: string; milliseconds: number };
  attach: Restored;
  publish: null;
  bringBack: CachedStore;
}

/** How long it took until a store was there, and from the same start until its first container had ended. */
export interface Restored {
  restore: number;
  first: number;
}
