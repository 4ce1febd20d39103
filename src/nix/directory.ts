import { access, constants, lstat, mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { tryRun, tryRunAsRoot } from "../exec.ts";
import { isThere } from "../files.ts";
import { lastWords } from "../log.ts";
import { homeDirectory, layOutScript, type NixPlaces, wrapped } from "./programs.ts";

/** What is /nix for a Nix that this action installs. */
export interface NixDirectory {
  /** Absolute path: /nix, or a directory of the user's own. */
  path: string;
  /** Whether it is another than /nix. */
  home: boolean;
  /** It, and directories in it, that were not there before; the upper ones first. */
  made: string[];
}

/**
 * A directory for a store of the user's own: /nix where that is the user's or can be made, and otherwise one below the
 * home directory. A /nix of somebody else, or one that is read-only, is left alone.
 *
 * @throws {Error} where neither can be used
 */
export async function provideDirectory(places: NixPlaces): Promise<NixDirectory> {
  const madeOfNix = await missing(partsOf("/nix"));
  const obstacle = await makeNixDirectory();
  if (obstacle === undefined) return { path: "/nix", home: false, made: madeOfNix };
  const path = homeDirectory(places);
  const made = await missing(partsOf(path));
  await mkdir(path, { recursive: true });
  await layOutScript(places);
  const [program, ...args] = wrapped(places, path, "/bin/sh");
  const { code, stderr } = await tryRun(program, [...args, "-c", ":"]);
  if (code === 0) return { path, home: true, made };
  await removeEmpty({ path, home: true, made });
  throw new Error(
    `Cannot make /nix for Nix (${obstacle}), and not use ${path} in its place (${lastWords(stderr)}). Allow sudo without a password, install Nix beforehand, or run: sudo install -d -o $(id -un) /nix`,
  );
}

/** Why /nix cannot be this user's store; undefined: it can, and is there. */
async function makeNixDirectory(): Promise<string | undefined> {
  const uid = process.getuid?.() ?? 0;
  const existing = await lstat("/nix").catch(() => undefined);
  if (existing !== undefined) {
    if (existing.uid !== uid) return `it belongs to uid ${existing.uid}`;
    for (const path of ["/nix", "/nix/store", "/nix/var/nix", "/nix/var/nix/db"]) {
      if ((await isThere(path)) && !(await canWrite(path))) return `${path} cannot be written to`;
    }
    return undefined;
  }
  const { code, stderr } = await tryRunAsRoot("install", ["-d", "-m", "0755", "-o", `${uid}`, "/nix"]);
  return code === 0 ? undefined : lastWords(stderr) || "sudo does not work";
}

const canWrite = (path: string): Promise<boolean> =>
  access(path, constants.W_OK).then(
    () => true,
    () => false,
  );

/** Makes what a store needs below its directory. */
export async function makeParts({ path }: NixDirectory): Promise<void> {
  for (const part of partsOf(path)) await mkdir(part, { recursive: true });
}

/** Removes what was made for a store, as far as it is empty: another job may have begun to use it. */
export async function removeEmpty({ made }: NixDirectory): Promise<void> {
  for (const path of [...made].reverse()) {
    // Above /nix only root may write.
    if (path === "/nix") await tryRunAsRoot("rmdir", [path]);
    else await rmdir(path).catch(() => {});
  }
}

/** Directories that a store has to have, and no others to begin with. */
const partsOf = (path: string): string[] => [
  path,
  join(path, "store"),
  join(path, "var"),
  join(path, "var", "nix"),
];

async function missing(paths: readonly string[]): Promise<string[]> {
  const there = await Promise.all(paths.map(isThere));
  return paths.filter((_, index) => !there[index]);
}
