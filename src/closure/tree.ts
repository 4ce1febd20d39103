import { narHash, readTree } from "../flake/nar.ts";

/** A tree with more than this is not looked through: it would take longer than asking Nix. */
const bounds = { entries: 20_000, bytes: 200_000_000 };

/**
 * The hash by which Nix knows a directory, such as "sha256-FBJR...".
 *
 * @param except names at its top to leave out
 * @returns undefined for a tree that is too large, is changing, or has what no NAR can hold, such as a socket
 */
export async function treeHash(
  path: string,
  except: readonly string[] = [],
  limits = bounds,
): Promise<string | undefined> {
  try {
    return await narHash(await readTree(path, limits, except));
  } catch {
    return undefined;
  }
}
