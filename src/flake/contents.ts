import { join } from "node:path";
import { isThere } from "../files.ts";
import { runNix } from "../nix/commands.ts";
import { type Nix, onMachine } from "../nix/find.ts";
import { findPrograms, programFolders } from "./programs.ts";
import { storePathOf } from "./store-files.ts";

/** What a flake has that becomes the environment's root. */
export type Contents =
  /** Store path of an FHS root with podman in it. */
  | { kind: "fhs"; path: string }
  /** Absolute store paths of programs, podman among them, by name; the rest of the root is the machine's. */
  | { kind: "programs"; programs: Record<string, string> };

/**
 * Looks for an FHS root with podman, which launchers have in their closures, and for podman itself.
 *
 * @param outputs store paths that are there
 * @param directories where the programs of these are that come first; absent: those of the outputs
 */
export async function findContents(
  nix: Nix,
  outputs: readonly string[],
  directories: readonly string[] = programFolders(outputs),
): Promise<Contents | undefined> {
  for (const path of outputs) if (await isFhsRoot(nix, path)) return { kind: "fhs", path };
  const closure = (await runNix(nix, ["path-info", "--recursive", ...outputs])).split("\n").filter(Boolean);
  for (const path of fhsRoots(closure)) if (await isFhsRoot(nix, path)) return { kind: "fhs", path };
  const programs = await findPrograms(nix, [...directories, ...programFolders(closure)]);
  return programs && { kind: "programs", programs };
}

/** Store paths with whose closures the contents are whole. */
export const rootsOf = (contents: Contents): string[] =>
  contents.kind === "fhs"
    ? [contents.path]
    : [...new Set(Object.values(contents.programs).map(storePathOf))].sort();

/**
 * The store paths that are named as FHS roots are: NAME-fhs by chrootenv and bubblewrap up to 2024,
 * NAME-fhsenv-rootfs since.
 */
export const fhsRoots = (closure: readonly string[]): string[] =>
  closure.filter((path) => /-(fhs|fhsenv-rootfs)$/.test(path));

/** By the entry itself, not by what it links to: that may exist inside the environment only. */
const isFhsRoot = (nix: Nix, path: string): Promise<boolean> =>
  isThere(join(onMachine(nix, path), "usr", "bin", "podman"));
