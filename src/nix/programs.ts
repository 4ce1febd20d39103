import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { quote } from "../quote.ts";

/** Where files of Nix's stage are, and what it finds there. Absolute paths. */
export interface NixPlaces {
  /** The job's own directory for its settings, readable by this user only: they may hold the token. */
  settings: string;
  /** The user's directory of this action's: for a store where none can be at /nix, and for roots of the collector. */
  own: string;
  /** The action's checkout. */
  action: string;
  /** Directory with the unshare for which an AppArmor profile is; undefined: that of PATH. */
  tools?: string | undefined;
}

/** What is /nix for the store of a user who may not have one there. */
export const homeDirectory = ({ own }: Pick<NixPlaces, "own">): string => join(own, "nix");

const scriptOf = ({ settings }: NixPlaces): string => join(settings, "with-nix.sh");

/** Puts the script of `wrapped` where later steps find it, whatever becomes of the action. */
export async function layOutScript(places: NixPlaces): Promise<void> {
  await mkdir(places.settings, { recursive: true, mode: 0o700 });
  await copyFile(join(places.action, "nix", "with-nix.sh"), scriptOf(places));
}

/** Program and arguments by which a program of a store that is not at /nix runs, up to its own arguments. */
export const wrapped = (places: NixPlaces, directory: string, program: string): [string, ...string[]] => [
  "/bin/sh",
  scriptOf(places),
  directory,
  places.tools ?? "",
  program,
];

/**
 * The directory with Nix's programs for callers outside of the store's namespace: they are its own where the store is
 * at /nix, and otherwise executables of the same names.
 *
 * @param directory what is /nix for the store
 * @param path store path of Nix
 */
export async function programsOf(places: NixPlaces, directory: string, path: string): Promise<string> {
  if (directory === "/nix") return join(path, "bin");
  await layOutScript(places);
  const bin = join(places.settings, "bin");
  await mkdir(bin, { recursive: true });
  for (const name of await readdir(join(directory, path.slice("/nix".length), "bin"))) {
    const command = wrapped(places, directory, join(path, "bin", name))
      .map(quote)
      .join(" ");
    await writeFile(join(bin, name), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  }
  return bin;
}
