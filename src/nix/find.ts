import { access, constants, readlink } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { tryRun } from "../exec.ts";
import { isThere } from "../files.ts";
import { isAtLeast } from "../version.ts";
import { homeDirectory, type NixPlaces, programsOf } from "./programs.ts";
import { nixRoot } from "./roots.ts";

/** A Nix that can be run. */
export interface Nix {
  /** Absolute path of the directory with nix, nix-store and the others. */
  bin: string;
  /** Such as "2.34.7". */
  version: string;
  /** Settings for its commands, added with NIX_USER_CONF_FILES; see nix.conf(5). */
  configFile?: string;
  /** Store path of a Nix that this action installed, now or earlier. Absent: another one. */
  path?: string;
  /**
   * Absolute path of the directory that is /nix in the environment and for Nix's commands, where the machine has no
   * /nix and none could be made; the programs in `bin` see to that. Absent: the machine's /nix.
   */
  directory?: string | undefined;
}

/** Where a store path is on the machine: see {@link Nix.directory}. */
export const onMachine = ({ directory }: Pick<Nix, "directory">, path: string): string =>
  directory === undefined ? path : path.replace(/^\/nix(?=\/|$)/, directory);

/** A file of the user's, or of an earlier step, with a line that Nix refuses is no lack of Nix. */
const withoutSettings = { env: { NIX_USER_CONF_FILES: "/dev/null" } };

/** Flakes with locked path inputs and `nix build --json` as used here came with it. */
const oldest = [2, 8] as const;

/**
 * The first Nix on PATH, or at a place where installers put it, that is new enough for flakes.
 *
 * @param path the directories to look in, as PATH has them
 */
export async function findNix(path: string = process.env.PATH ?? ""): Promise<Nix | undefined> {
  const usual = [join(homedir(), ".nix-profile", "bin"), "/nix/var/nix/profiles/default/bin"];
  for (const bin of [...path.split(delimiter), ...usual]) {
    const program = join(bin, "nix");
    if (bin === "" || !(await isExecutable(program))) continue;
    const { stdout } = await tryRun(program, ["--version"], withoutSettings);
    const version = parseVersion(stdout);
    if (version !== undefined && isFlakeCapable(version)) return { bin, version };
  }
  return undefined;
}

/** @param line what `nix --version` prints, such as "nix (Nix) 2.34.7" or "nix (Determinate Nix 3.1) 2.26.3" */
export function parseVersion(line: string): string | undefined {
  return /\s(\d+\.\d+(?:\.\d+)?)\S*\s*$/.exec(line)?.[1];
}

export const isFlakeCapable = (version: string): boolean => isAtLeast(version, ...oldest);

/**
 * A Nix that this action installed earlier, at /nix or below the home directory, and that is still there.
 *
 * @param version the only one that will do; undefined: any
 */
export async function findEarlierNix(places: NixPlaces, version?: string): Promise<Nix | undefined> {
  const path = await readlink(nixRoot(places)).catch(() => "");
  const [, has] = /^\/nix\/store\/[0-9a-z]{32}-nix-(\d[\w.]*)$/.exec(path) ?? [];
  if (has === undefined || !isFlakeCapable(has) || (version !== undefined && has !== version))
    return undefined;
  for (const directory of ["/nix", homeDirectory(places)]) {
    if (!(await isThere(join(onMachine({ directory }, path), "bin", "nix")))) continue;
    const bin = await programsOf(places, directory, path);
    if ((await tryRun(join(bin, "nix"), ["--version"], withoutSettings)).code !== 0) continue;
    return { bin, version: has, path, ...(directory !== "/nix" && { directory }) };
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
