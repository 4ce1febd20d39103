import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, inside, tryInside } from "../environment/environment.ts";
import { lastWords } from "../log.ts";
import type { Difference } from "./listing.ts";

// Members of a segment beside the tree's own, whose names all begin with "./".
const removedList = "removed";
const labelList = "labels";

/** Extended attributes with all, but for what the next machine's security module has to say. */
const attributes = [
  "--numeric-owner",
  "--acls",
  "--xattrs",
  "--xattrs-include=*",
  "--xattrs-exclude=security.selinux",
];

/**
 * Packs part of a tree: a tar archive made inside the environment, so that it holds the ids of the namespace (0 to
 * 65536). It is not compressed, because the cache library does that.
 *
 * @param file where to put it
 * @param labels of the volume, as NAME=VALUE
 * @param directory for the lists that it is made from
 * @param seconds that it may take
 * @throws {Error} in tar's words, also when a file went away meanwhile
 */
export async function pack(
  environment: Environment,
  root: string,
  { packed, removed }: Difference,
  labels: readonly string[],
  file: string,
  directory: string,
  seconds: number,
): Promise<void> {
  const lists = join(directory, "lists");
  await mkdir(lists, { recursive: true });
  try {
    const members = join(lists, "members");
    await writeFile(members, ended(packed.map((path) => `./${path}`)), "latin1");
    await writeFile(join(lists, removedList), ended(removed), "latin1");
    await writeFile(join(lists, labelList), JSON.stringify(labels));
    const { code, stderr } = await tryInside(environment, "timeout", [
      ...["--kill-after=5", String(Math.ceil(seconds)), "tar", "--create", `--file=${file}`],
      ...[...attributes, "--sparse", "--format=posix", "--no-recursion"],
      ...[`--directory=${lists}`, removedList, labelList],
      ...[`--directory=${root}`, "--null", "--verbatim-files-from", `--files-from=${members}`],
    ]);
    // 1: a file was written to meanwhile.
    if (code > 1)
      throw new Error(code === 124 ? `it took longer than ${Math.ceil(seconds)} s` : lastWords(stderr));
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
}

/** Turns a tree into what it was when the segment was made. @param root absolute path of a directory */
export async function unpack(
  environment: Environment,
  file: string,
  root: string,
  directory: string,
): Promise<void> {
  const removed = (await readMember(environment, file, removedList, directory)).split("\0").slice(0, -1);
  const odd = removed.find((path) => path.startsWith("/") || path.split("/").includes(".."));
  if (odd !== undefined) throw new Error(`it names a path outside of its tree: ${odd}`);
  if (removed.length > 0) {
    const list = join(directory, removedList);
    await writeFile(list, ended(removed.map((path) => join(root, path))), "latin1");
    await inside(environment, "xargs", ["-0", "rm", "-rf", "--"], { stdin: list });
  }
  await inside(environment, "tar", [
    ...["--extract", `--file=${file}`, `--directory=${root}`],
    ...[...attributes, "--same-owner", "--preserve-permissions"],
    ...["--anchored", "--no-wildcards", `--exclude=${removedList}`, `--exclude=${labelList}`],
  ]);
}

/** The labels of the volume that a segment is of. */
export async function readLabels(
  environment: Environment,
  file: string,
  directory: string,
): Promise<string[]> {
  return JSON.parse(await readMember(environment, file, labelList, directory)) as string[];
}

/** The text of a member of a segment that is not the tree's. */
async function readMember(
  environment: Environment,
  file: string,
  name: string,
  directory: string,
): Promise<string> {
  const args = ["--extract", `--file=${file}`, `--directory=${directory}`, "--occurrence=1", name];
  await inside(environment, "tar", args);
  const member = join(directory, name);
  try {
    return await readFile(member, name === removedList ? "latin1" : "utf8");
  } finally {
    await rm(member, { force: true });
  }
}

const ended = (paths: readonly string[]): string => paths.map((path) => `${path}\0`).join("");
