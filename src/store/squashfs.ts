import { type Environment, inside } from "../environment/environment.ts";

export interface Archive {
  /** Absolute paths of directories, as the environment sees them; each keeps its name in the archive. */
  sources: readonly string[];
  /** Absolute path of a list of what of them to leave out, a path a line. */
  exclude?: string;
  /** Files that are made on the spot: their paths in the archive, and the files whose text they get, in `directory`. */
  made?: Readonly<Record<string, string>>;
  /** Working directory of mksquashfs, where the files of `made` are. */
  directory: string;
  /** All in it belongs to root, as the owners say nothing. */
  ownerless?: boolean;
}

/**
 * Makes a squashfs inside the environment, so that the archive holds the ids of the namespace (0 to 65536) and fits any
 * host's subordinate range. The same files make the same bytes.
 *
 * @param seconds after which mksquashfs is ended
 */
export async function makeSquashfs(
  environment: Environment,
  file: string,
  { sources, exclude, made = {}, directory, ownerless = false }: Archive,
  seconds: number,
): Promise<void> {
  await inside(
    environment,
    "timeout",
    [
      ...["--kill-after=5", String(Math.ceil(seconds)), "mksquashfs"],
      ...[...sources, file],
      ...["-noappend", "-no-progress", "-quiet", "-comp", "zstd", "-Xcompression-level", "3"],
      ...["-mkfs-time", "0", "-root-time", "0", ...(exclude === undefined ? [] : ["-ef", exclude])],
      // A single directory would not keep its name.
      ...(ownerless ? ["-all-root", "-keep-as-directory"] : []),
      // Pseudo files, read by a command that mksquashfs runs in its working directory.
      ...Object.entries(made).flatMap(([path, from]) => ["-p", `${path} F 0 600 0 0 cat ${from}`]),
    ],
    { cwd: directory },
  );
}

/** Unpacks a squashfs over a directory. @param except paths in the archive */
export async function unpackSquashfs(
  environment: Environment,
  file: string,
  directory: string,
  except: readonly string[] = [],
): Promise<void> {
  await inside(environment, "unsquashfs", [
    ...["-force", "-quiet", "-no-progress", "-dest", directory],
    ...(except.length > 0 ? ["-excludes", file, ...except] : [file]),
  ]);
}

/** @returns the texts of files in an archive, one after the other */
export const readFromSquashfs = (
  environment: Environment,
  file: string,
  ...paths: string[]
): Promise<string> => inside(environment, "unsquashfs", ["-cat", file, ...paths]);

/**
 * What is in an archive, to a depth of three: by its path, the letter of its type as ls(1) has it, and of a link what it
 * leads to, such as "l ../x". A line that is no entry, as of a name of two lines, is one of no type.
 */
export async function listSquashfs(environment: Environment, file: string): Promise<Map<string, string>> {
  const list = await inside(environment, "unsquashfs", ["-lln", "-max-depth", "3", "-dest", "/", file]);
  return new Map(list.split("\n").flatMap(parseEntry));
}

/** @param line such as "lrwxrwxrwx 0/0   10 2026-11-23 10:00 //overlay/l/X -> ../x/diff"; "brw------- 0/0   7, 0 ..." */
function parseEntry(line: string): [path: string, kind: string][] {
  if (line === "") return [];
  const [, type = "", text = ""] =
    /^(\S)\S+ +\d+\/\d+ +[\d, ]+ +\d{4}-\d\d-\d\d \d\d:\d\d \/+(.*)$/.exec(line) ?? [];
  if (type === "") return [[line, ""]];
  if (type !== "l") return text === "" ? [] : [[text, type]];
  const [path = "", target = "", ...more] = text.split(" -> ");
  // A name may have the arrow in it.
  return [[path, more.length > 0 ? "" : `${type} ${target}`]];
}

/** Bytes that the files of an archive take when they are unpacked. */
export async function unpackedBytes(environment: Environment, file: string): Promise<number> {
  const list = await inside(environment, "unsquashfs", ["-lln", file]);
  // "-rw-r--r-- 0/0   1234 2026-11-23 10:00 squashfs-root/path"
  const sizes = list.matchAll(/^-\S+ +\d+\/\d+ +(\d+) /gm);
  return [...sizes].reduce((sum, [, size]) => sum + Number(size), 0);
}
