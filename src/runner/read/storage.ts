import { chmod, mkdir, mkdtemp, readdir, realpath, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Probe, Storage } from "../facts.ts";
import { archiveWithAttribute, attributeOf } from "./attribute.ts";
import { canWriteIn, exists } from "./file.ts";
import { type Mount, mountOf } from "./mounts.ts";
import { asRootInside } from "./namespaces.ts";
import { attempt, probe, versionOf } from "./program.ts";
import { reasonOf } from "./words.ts";

/** @param directory of the image store; it need not be there */
export async function readStorage(wanted: string, mounts: readonly Mount[]): Promise<Storage> {
  const directory = await nearest(wanted);
  const writable = await canWriteIn(directory);
  const [space, real, xattrs, overlay, hostFuseOverlayfs] = await Promise.all([
    statfs(directory).catch(() => undefined),
    realpath(directory).catch(() => directory),
    writable === true ? inScratch(directory, tryAttribute) : writable,
    writable === true ? inScratch(directory, tryOverlay) : writable,
    versionOf("fuse-overlayfs"),
  ]);
  return {
    directory,
    writable,
    fileSystem: mountOf(mounts, real)?.type ?? "unknown",
    freeBytes: space === undefined || space.blocks === 0 ? undefined : space.bavail * space.bsize,
    // Such as btrfs's: they are made as they are needed.
    freeInodes: space === undefined || space.files === 0 ? undefined : space.ffree,
    xattrs,
    overlay,
    hostFuseOverlayfs,
  };
}

/** The directory, or the nearest one above it that exists. */
async function nearest(directory: string): Promise<string> {
  return directory === "/" || (await exists(`${directory}/`)) ? directory : nearest(dirname(directory));
}

/** Tries something in a directory of its own, which is gone afterwards. */
async function inScratch<T>(directory: string, work: (scratch: string) => Promise<T>) {
  let scratch: string | undefined;
  try {
    scratch = await mkdtemp(join(directory, ".podman-rootless-"));
    return named(await work(scratch), scratch, directory);
  } catch (error) {
    return { error: reasonOf(error) };
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true }).catch(() => {});
  }
}

/** As if it had been tried in the directory itself: the scratch is unknown to people, and another one each time. */
function named<T>(result: T, scratch: string, directory: string): T | { error: string } {
  const { error } = (result ?? {}) as { error?: string };
  return error === undefined ? result : { error: error.replaceAll(scratch, directory) };
}

/** Node has no call for extended attributes, setfattr(1) is rare, and tar(1) is everywhere. */
async function tryAttribute(scratch: string): Promise<Probe | undefined> {
  const archive = join(scratch, "archive.tar");
  await writeFile(archive, archiveWithAttribute());
  const options = [
    "--extract",
    "--xattrs",
    "--xattrs-include=user.*",
    "--file",
    archive,
    "--directory",
    scratch,
  ];
  return attributeOf(await attempt("tar", options));
}

async function tryOverlay(scratch: string): Promise<Probe> {
  const layers = { lowerdir: "lower", upperdir: "upper", workdir: "work" };
  for (const name of [...Object.values(layers), "target"]) await mkdir(join(scratch, name));
  const options = Object.entries(layers).map(([option, name]) => `${option}=${escaped(join(scratch, name))}`);
  const mount = ["-t", "overlay", "overlay", "-o", [...options, "userxattr"].join(",")];
  const result = await probe("unshare", [...asRootInside, "mount", ...mount, join(scratch, "target")]);
  // The kernel's own directories in there may not even be listed, and so not be removed.
  const work = join(scratch, layers.workdir);
  for (const name of await readdir(work)) await chmod(join(work, name), 0o700).catch(() => {});
  return result;
}

/** Characters that the kernel would take for the end of a path, overlayfs.rst. */
const escaped = (path: string): string => path.replace(/[\\:,]/g, "\\$&");
