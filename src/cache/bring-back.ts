import { join } from "node:path";
import { info, warning } from "@actions/core";
import type { Environment } from "../environment/environment.ts";
import { mountSegments } from "../store/mount.ts";
import { readStore } from "../store/store.ts";
import { chainKey } from "./key.ts";
import { fetchChain, findChain } from "./restore.ts";

export interface CachedStore {
  /** Digests of the segments that are mounted, oldest first. */
  chain: string[];
  /** Key of the last of them, empty without one. */
  key: string;
}

const nothing: CachedStore = { chain: [], key: "" };

/**
 * Brings the image store back from the cache, where there is one. A fault of the cache is a warning and an
 * empty store, never an error.
 *
 * @param temporary RUNNER_TEMP
 */
export async function bringBack(
  environment: Environment,
  prefix: string,
  temporary: string,
): Promise<CachedStore> {
  try {
    const { images } = await readStore(environment.graphRoot);
    if (images.length > 0) {
      info(
        `The image store ${environment.graphRoot} has ${images.length} images of its own; it stays as it is`,
      );
      return nothing;
    }
    const found = await findChain(prefix, temporary);
    if (found.length === 0) {
      info(`No cached image store for ${prefix}; starting with an empty one`);
      return nothing;
    }
    const segments = await fetchChain(
      prefix,
      found,
      temporary,
      join(temporary, "podman-rootless", "segments"),
    );
    if (segments.length === 0) return nothing;
    const chain = segments.map(({ digest }) => digest);
    info(
      `Mounted ${chain.length} of ${found.length} segments by ${await mountSegments(environment, segments)}`,
    );
    return { chain, key: chainKey(prefix, chain) };
  } catch (error) {
    warning(`The image store starts empty: ${error instanceof Error ? error.message : String(error)}`);
    return nothing;
  }
}
