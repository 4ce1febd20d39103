import { chmod, lstat, mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ProgramError, pipeInto, run } from "../exec.ts";
import { info, lastWords } from "../log.ts";
import { makeParts, type NixDirectory, provideDirectory, removeEmpty } from "./directory.ts";
import { download } from "./download.ts";
import type { Nix } from "./find.ts";
import { type NixPlaces, programsOf } from "./programs.ts";
import type { Tarball } from "./releases.ts";
import { addRoot, nixRoot } from "./roots.ts";
import { moveIn, removeTree } from "./store-path.ts";

/**
 * Installs Nix for this user alone from a release tarball. It is unpacked as it comes, beside the store, and its store
 * paths are moved in whole once its hash is known to be right; a failed installation leaves nothing of its own.
 */
export async function installNix(tarball: Tarball, places: NixPlaces): Promise<Nix> {
  const start = performance.now();
  const directory = await provideDirectory(places);
  try {
    const beside = await download(tarball, (bytes) => unpack(bytes, directory, places));
    let moved: string[] = [];
    try {
      const path = nixPath(await readFile(join(beside, registration), "utf8").catch(() => ""));
      moved = await moveAll(join(beside, "store"), directory);
      const nix = await register(path, join(beside, registration), directory, places);
      const where = directory.home ? `, below ${directory.path}` : "";
      info(`Installed Nix ${nix.version} in ${secondsSince(start)} s: ${path}${where}`);
      return nix;
    } catch (error) {
      for (const path of moved) await removeTree(path);
      throw error;
    } finally {
      await removeTree(beside);
    }
  } catch (error) {
    await removeEmpty(directory);
    throw error;
  }
}

const secondsSince = (start: number): string => ((performance.now() - start) / 1000).toFixed(1);

/** In a tarball: its store paths in the format of `nix-store --dump-db`, one field a line. */
const registration = ".reginfo";

/** Unpacks a tarball into a new directory on the store's file system, and returns its path. */
async function unpack(
  bytes: AsyncIterable<Uint8Array>,
  directory: NixDirectory,
  places: NixPlaces,
): Promise<string> {
  const beside = await makeRoom(directory, places);
  const args = ["--extract", "--xz", "--no-same-owner", "--strip-components=1", "--directory", beside];
  try {
    // Several blocks at a time, where the tarball has several.
    await pipeInto("tar", args, bytes, { env: { XZ_DEFAULTS: "--threads=0" } });
    return beside;
  } catch (error) {
    await removeTree(beside);
    if (!(error instanceof ProgramError)) throw error;
    throw new Error(`Cannot unpack Nix in ${beside}: ${lastWords(error.output.stderr)}`);
  }
}

/** A directory of this job's own, from which paths can be renamed into the store. */
async function makeRoom({ path }: NixDirectory, places: NixPlaces): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const [outside, inside] = await Promise.all([
        lstat(path),
        lstat(join(path, "store")).catch(() => undefined),
      ]);
      const apart = inside !== undefined && inside.dev !== outside.dev;
      return await mkdtemp(join(path, apart ? "store/.unpack-" : "unpack-"));
    } catch (error) {
      // A job that failed at the same time removed the directory that it had made, as it was empty.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === 5) throw error;
      await provideDirectory(places);
    }
  }
}

/** Moves store paths that are not there yet into the store, and returns where those are now. */
async function moveAll(from: string, directory: NixDirectory): Promise<string[]> {
  // Nix wants its store read-only; hashes do not cover the write bits.
  await run("chmod", ["-R", "a-w", from]);
  await chmod(from, 0o755);
  const moved: string[] = [];
  await makeParts(directory);
  for (const name of await readdir(from)) {
    const target = join(directory.path, "store", name);
    if (await moveIn(join(from, name), target)) moved.push(target);
  }
  return moved;
}

/** Tells the store's database of its new paths, and keeps Nix itself from the garbage collector. */
async function register(
  path: string,
  file: string,
  directory: NixDirectory,
  places: NixPlaces,
): Promise<Nix> {
  const bin = await programsOf(places, directory.path, path);
  // Of another Nix on the machine, which may have a daemon.
  const env = { NIX_REMOTE: undefined };
  await run(join(bin, "nix-store"), ["--load-db"], { stdin: file, env });
  await addRoot(directory.path, nixRoot(places), path);
  return {
    bin,
    version: /-nix-(\d[\w.]*)$/.exec(path)?.[1] ?? "unknown",
    path,
    ...(directory.home && { directory: directory.path }),
  };
}

/**
 * The store path of Nix itself among those of a tarball.
 *
 * @param registration text in the format of `nix-store --dump-db`, one field a line
 */
export function nixPath(registration: string): string {
  const path = registration
    .split("\n")
    .find((line) => /^\/nix\/store\/[0-9a-z]{32}-nix-\d[\w.]*$/.test(line));
  if (path === undefined)
    throw new Error("The tarball's .reginfo names no Nix: it is not a Nix release tarball.");
  return path;
}
