import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { shortDigest } from "../digest.ts";
import { replaceFile } from "../files.ts";
import { tryNix } from "../nix/commands.ts";
import type { Nix } from "../nix/find.ts";
import { type Contents, rootsOf } from "./contents.ts";
import type { LockedFlake } from "./resolve.ts";

/** What was found in a flake, kept with the links that keep it from garbage collection. */
export interface Kept {
  contents: Contents;
  /** Attribute path where it was found. */
  attribute: string;
}

/**
 * The directory that belongs to what a locked flake has at an attribute: its links, and a file that says what they are.
 *
 * @param directory of all these
 * @param attribute as given; undefined: none was
 */
export const keptDirectory = (
  directory: string,
  { url, rev, inputs }: LockedFlake,
  attribute: string | undefined,
  system: string,
): string => join(directory, shortDigest(JSON.stringify([url, rev, inputs, attribute ?? null, system])));

const fileOf = (directory: string): string => join(directory, "contents.json");

/** What an earlier job found, if all of it is still in the store: then nothing has to be evaluated. */
export async function recall(nix: Nix, directory: string): Promise<Kept | undefined> {
  try {
    const kept = JSON.parse(await readFile(fileOf(directory), "utf8")) as Kept;
    const { code } = await tryNix(nix, ["path-info", ...rootsOf(kept.contents)]);
    return code === 0 ? kept : undefined;
  } catch {
    return undefined;
  }
}

/** To be called once the links are there. */
export async function keep(directory: string, kept: Kept): Promise<void> {
  await mkdir(directory, { recursive: true });
  await replaceFile(fileOf(directory), JSON.stringify(kept));
}
