import type { System } from "../nix/releases.ts";
import { majorMinor } from "../version.ts";

export interface Scope {
  system: System;
  /** Such as "5.8.2". */
  podmanVersion: string;
  /** Storage driver in the words of containers/storage. */
  driver: "overlay";
  /** As in the input `cache-key`. */
  name: string;
}

// Of what is in a segment and how keys are made; a change of either makes older entries unreadable.
const schema = "v1";

/**
 * What the keys of one cached store begin with. Stores of different podman versions stay apart: their
 * metadata may differ.
 */
export function keyPrefix({ system, podmanVersion, driver, name }: Scope): string {
  const version = majorMinor(podmanVersion);
  // A name cannot have a "+", so no name's prefix begins another's.
  return `podman-rootless-store-${schema}-${system}-podman${version}-${driver}-${name}+`;
}

/**
 * The key of the entry that holds the last segment of a chain. The number of segments stands first, so that
 * no key is a prefix of another: the service may answer a missing key with a longer one.
 *
 * @param chain digests of segments, oldest first, at least one
 */
export const chainKey = (prefix: string, chain: readonly string[]): string =>
  `${prefix}${chain.length}-${chain.join(".")}`;

/** The digests in a key, oldest first, or undefined for a key that `chainKey` does not make. */
export function parseChain(prefix: string, key: string): string[] | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const match = /^([1-9]\d?)-([0-9a-f]{12}(?:\.[0-9a-f]{12})*)$/.exec(key.slice(prefix.length));
  const chain = match?.[2]?.split(".");
  return chain?.length === Number(match?.[1]) ? chain : undefined;
}
