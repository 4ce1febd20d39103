import { lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../exec.ts";
import { refuseWithoutSpace } from "../files.ts";
import { formatBytes, info } from "../log.ts";
import { removeTree } from "../nix/store-path.ts";
import type { Way } from "./ground.ts";
import { hold, release } from "./hold.ts";
import type { Form } from "./key.ts";
import { layOver, makeNix, mountArchive, type RecordUndo, unmount } from "./mount.ts";
import { type CachedRecord, parseCachedRecord, rootsOf } from "./record.ts";
import { bringIn, type Source } from "./unpack.ts";

/** An entry of the cache, fetched. */
export interface Fetched {
  digest: string;
  form: Form;
  /** Absolute path of its archive. */
  archive: string;
  /** And of its record. */
  record: string;
}

export interface Restored {
  record: CachedRecord;
  /** Directory with a `store`, where that is not /nix. */
  directory?: string;
  /** Once Nix knows of them: nothing but its commands has to wait for that. */
  registered: Promise<void>;
}

/**
 * Makes the store paths of a closure ones of this machine.
 *
 * @param directory for what is mounted or unpacked beside /nix
 * @param bin of the machine's own Nix; undefined: the closure has one
 * @throws {Error} for one that is broken or cannot be had here; nothing of it is left then
 */
export async function restore(
  fetched: Fetched,
  way: Exclude<Way, "home">,
  directory: string,
  bin: string | undefined,
  recordUndo: RecordUndo,
): Promise<Restored> {
  try {
    return await tryRestore(fetched, way, directory, bin, recordUndo);
  } finally {
    // It takes room in RUNNER_TEMP that the job may need; where it is mounted, it is there as long as the mount.
    await rm(fetched.archive, { force: true });
  }
}

async function tryRestore(
  fetched: Fetched,
  way: Exclude<Way, "home">,
  directory: string,
  bin: string | undefined,
  recordUndo: RecordUndo,
): Promise<Restored> {
  const { record, names } = parseCachedRecord(await readFile(fetched.record, "utf8"));
  if (way === "beside") {
    await putBeside(fetched, names, directory, recordUndo);
    return { record, directory, registered: Promise.resolve() };
  }
  await makeStore();
  const takeBack =
    way === "overlay" ? await overlay(fetched, names, recordUndo) : await unpack(fetched, names, directory);
  try {
    await hold({}, rootsOf(record));
    return { record, registered: register(record, fetched, bin) };
  } catch (error) {
    await release({}, rootsOf(record));
    await takeBack();
    throw error;
  }
}

type TakeBack = () => Promise<unknown>;

async function makeStore(): Promise<void> {
  if ((await lstat("/nix").catch(() => undefined)) === undefined) await makeNix();
  await mkdir("/nix/store", { recursive: true });
}

async function overlay(
  fetched: Fetched,
  names: readonly string[],
  recordUndo: RecordUndo,
): Promise<TakeBack> {
  const { digest, archive } = fetched;
  const place = join("/nix/var/podman-rootless", digest);
  const point = join(place, "archive");
  await mountArchive(archive, point, "unless-kept", recordUndo);
  const free = () => unmount(point);
  try {
    await expectNames(point, names);
    const refusal = await layOver(point, "/nix/store", place, recordUndo);
    if (refusal === undefined) {
      info(`${names.length} store paths are mounted below /nix/store`);
      return async () => {
        await unmount("/nix/store");
        await free();
      };
    }
    info(`They are copied, as nothing can be laid over them here: ${refusal}`);
    const takeBack = await copy({ directory: point }, names);
    await free();
    return takeBack;
  } catch (error) {
    await free();
    throw error;
  }
}

async function unpack(
  { form, archive, digest }: Fetched,
  names: readonly string[],
  directory: string,
): Promise<TakeBack> {
  if (form === "tar") return await copy({ tar: archive }, names, archive);
  const point = join(directory, `${digest}.mounted`);
  // What it undoes is done below, in any case.
  await mountArchive(archive, point, "always", () => {});
  try {
    await expectNames(point, names);
    return await copy({ directory: point }, names);
  } finally {
    await unmount(point);
    await rm(point, { recursive: true, force: true });
  }
}

async function copy(source: Source, names: readonly string[], archive?: string): Promise<TakeBack> {
  if (archive !== undefined) await refuseWithoutSpace((await lstat(archive)).size, "/nix/store");
  const there = await bringIn(source, names, "/nix/store");
  info(`${there.length} of ${names.length} store paths were missing and are in /nix/store`);
  return async () => {
    for (const name of there) await removeTree(join("/nix/store", name));
  };
}

async function putBeside(
  { form, archive }: Fetched,
  names: readonly string[],
  directory: string,
  recordUndo: RecordUndo,
): Promise<void> {
  const store = join(directory, "store");
  try {
    if (form === "tar") {
      await mkdir(directory, { recursive: true });
      await refuseWithoutSpace((await lstat(archive)).size, directory);
      await bringIn({ tar: archive }, names, store);
    } else {
      await mountArchive(archive, store, "always", recordUndo);
      await expectNames(store, names);
    }
  } catch (error) {
    await unmount(store);
    await removeTree(directory);
    throw error;
  }
  info(`/nix stays as it is: the environment has ${names.length} store paths of its own, in ${store}`);
}

/** @throws {Error} naming the first that is not in a mounted archive */
async function expectNames(directory: string, names: readonly string[]): Promise<void> {
  const there = new Set(await readdir(directory));
  const missing = names.find((name) => !there.has(name));
  if (missing !== undefined) throw new Error(`its archive lacks ${missing}`);
}

/** Tells Nix's database of the store paths. */
async function register(record: CachedRecord, fetched: Fetched, bin: string | undefined): Promise<void> {
  const registration = `${fetched.record}.registration`;
  await writeFile(registration, record.registration);
  const program = bin ?? record.nix?.bin;
  if (program === undefined) throw new Error("it has no Nix, and neither has the machine");
  await run(join(program, "nix-store"), ["--load-db"], { stdin: registration });
}

export const sizeOf = async ({ archive }: Fetched): Promise<string> =>
  formatBytes((await lstat(archive)).size);
