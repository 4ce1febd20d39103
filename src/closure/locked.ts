import type { FlakeReference } from "../flake/reference.ts";
import type { Nix } from "../nix/find.ts";
import { tryNix } from "../nix/nix.ts";

/** Fields of `nix flake metadata --json` that are used here. */
interface Metadata {
  locks?: {
    nodes?: Record<string, { locked?: { type?: string; path?: string; rev?: string; narHash?: string } }>;
  };
}

/**
 * Whether a flake's flake.lock says, by commits and content hashes, all that the flake is made of: then the same files
 * make the same environment everywhere, and at any time.
 */
export async function isLocked(nix: Nix, { url }: FlakeReference): Promise<boolean> {
  // It fails for a flake whose lock file would have to change.
  const args = ["flake", "metadata", "--json", "--no-update-lock-file", "--no-write-lock-file", url];
  const { code, stdout } = await tryNix(nix, args);
  return code === 0 && locksAll(stdout);
}

/** @param json what `nix flake metadata --json` prints */
export function locksAll(json: string): boolean {
  const { locks } = JSON.parse(json) as Metadata;
  return Object.values(locks?.nodes ?? {}).every(
    ({ locked }) =>
      locked === undefined ||
      locked.narHash !== undefined ||
      (locked.rev !== undefined && locked.type !== "path") ||
      // In the flake's own tree.
      (locked.type === "path" && !/^\/|(^|\/)\.\.(\/|$)/.test(locked.path ?? "/")),
  );
}
