import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isThere, replaceFile } from "../files.ts";
import type { Contents } from "../flake/rootfs.ts";
import { type Nix, onMachine } from "../nix/find.ts";
import { ownDirectory } from "../place.ts";
import { nameOf, parseRegistration } from "./registration.ts";

/** What is known of a closure beside its files. */
export interface ClosureRecord {
  contents: Contents;
  /** Store paths with whose closures the environment is whole. */
  roots: string[];
  /** As the flake was locked when this was made. */
  url: string;
  rev: string;
  /** Version of podman in it. */
  podman: string;
  /** The Nix among the store paths; absent: there is none, the machine has its own. */
  nix?: { version: string; bin: string; roots: string[] };
  /** That the job took to get all of this without the cache, for later jobs to compare. */
  coldSeconds?: number;
}

/** What comes from the cache beside a closure's archive. */
export interface CachedRecord extends ClosureRecord {
  /** What tells Nix's database of the store paths: see nix-store(1), --load-db. */
  registration: string;
}

/** All store paths that a closure grows from. */
export const rootsOf = ({ roots, nix }: ClosureRecord): string[] => [
  ...new Set([...roots, ...(nix?.roots ?? [])]),
];

/** Store paths that a record leads to, which have to be there. */
function mentioned({ contents, nix, ...record }: ClosureRecord): string[] {
  const own = contents.kind === "fhs" ? [contents.path] : Object.values(contents.programs);
  return [
    ...own,
    ...rootsOf({ contents, ...record, ...(nix && { nix }) }),
    ...(nix === undefined ? [] : [nix.bin]),
  ];
}

/** @throws {Error} saying what is wrong with it */
export function parseRecord(text: string): ClosureRecord {
  let record: ClosureRecord | null;
  try {
    record = JSON.parse(text) as ClosureRecord | null;
  } catch {
    throw new Error("its record is no JSON");
  }
  if (record === null || record.nix === null) throw new Error(unlike);
  const { contents, roots, url, rev, podman, nix } = record;
  const strings = [url, rev, podman, ...(nix === undefined ? [] : [nix.version, nix.bin])];
  const lists = [roots, ...(nix === undefined ? [] : [nix.roots])];
  const known =
    contents?.kind === "fhs" ||
    (contents?.kind === "programs" &&
      contents.programs?.podman !== undefined &&
      Object.keys(contents.programs).every(isFileName));
  if (
    !known ||
    !strings.every((value) => typeof value === "string") ||
    !lists.every((list) => Array.isArray(list) && list.length > 0) ||
    // Of a path below a store path, the store path.
    !mentioned(record).every((path) => typeof path === "string" && isBelowStore(path))
  ) {
    throw new Error(unlike);
  }
  const { coldSeconds, ...rest } = record;
  return typeof coldSeconds === "number" && coldSeconds >= 0 ? record : rest;
}

const unlike = "its record is not one of this version's";

/** Links of these names are made. */
const isFileName = (name: string): boolean => /^(?!\.{0,2}$)[^/\0]+$/.test(name);

const storePathOf = (path: string): string => path.split("/").slice(0, 4).join("/");
const isBelowStore = (path: string): boolean =>
  nameOf(storePathOf(path)) !== undefined && !path.split("/").includes("..");

/**
 * A record from the cache, and the names of the store paths that it is of.
 *
 * @throws {Error} saying what is wrong with it
 */
export function parseCachedRecord(text: string): { record: CachedRecord; names: string[] } {
  const record = parseRecord(text) as CachedRecord;
  if (typeof record.registration !== "string") throw new Error("its record has no registration");
  const names = parseRegistration(record.registration);
  const there = new Set(names);
  const lacking = mentioned(record).find((path) => !there.has(nameOf(storePathOf(path)) ?? ""));
  if (lacking !== undefined) throw new Error(`it lacks ${lacking}`);
  return { record, names };
}

/** What an earlier job on this machine has left. */
export interface KeptRecord extends ClosureRecord, Pick<Nix, "directory"> {}

const fileOf = (digest: string): string => join(ownDirectory(), "roots", `${digest}.json`);

/** Lets the next job on this machine find what is in the store. */
export async function keepRecord(digest: string, record: KeptRecord): Promise<void> {
  await mkdir(join(ownDirectory(), "roots"), { recursive: true });
  await replaceFile(fileOf(digest), JSON.stringify(record));
}

/** What an earlier job on this machine has left, as long as all of it is there. */
export async function readKept(digest: string): Promise<KeptRecord | undefined> {
  const text = await readFile(fileOf(digest), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const record = { ...(JSON.parse(text) as KeptRecord), ...parseRecord(text) };
    const there = await Promise.all(mentioned(record).map((path) => isThere(onMachine(record, path))));
    return there.every(Boolean) ? record : undefined;
  } catch {
    return undefined;
  }
}
