import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { info } from "@actions/core";
import { run, tryRunAsRoot } from "../exec.ts";
import { download } from "./download.ts";
import type { Nix } from "./find.ts";
import type { Tarball } from "./releases.ts";

/**
 * Installs Nix for this user alone from a release tarball, below a /nix that the user owns. Store paths are
 * unpacked beside the store and moved in whole; a failed installation leaves nothing of its own.
 *
 * @param temporary a directory for the download
 */
export async function installNix(tarball: Tarball, temporary: string): Promise<Nix> {
  const file = join(temporary, "nix.tar.xz");
  await mkdir(temporary, { recursive: true });
  await download(tarball, file);
  const ownsNix = await makeNixDirectory();
  try {
    return await unpack(file);
  } catch (error) {
    if (ownsNix) await tryRunAsRoot("rm", ["-rf", "/nix"]);
    throw error;
  } finally {
    await rm(file, { force: true });
  }
}

/** Makes /nix, owned by this user. Returns whether it was not there before. */
async function makeNixDirectory(): Promise<boolean> {
  const uid = process.getuid?.() ?? 0;
  const existing = await lstat("/nix").catch(() => undefined);
  if (existing !== undefined) {
    if (existing.uid === uid) return false;
    throw new Error(
      `/nix belongs to uid ${existing.uid} and no Nix of 2.8 or newer is on PATH. Put that installation's nix on PATH, or remove /nix.`,
    );
  }
  const { code, stderr } = await tryRunAsRoot("install", ["-d", "-m", "0755", "-o", `${uid}`, "/nix"]);
  if (code !== 0) {
    throw new Error(
      `Cannot make /nix for Nix (${stderr.trim()}). Allow sudo without a password, install Nix beforehand, or run: sudo install -d -o $(id -un) /nix`,
    );
  }
  return true;
}

async function unpack(file: string): Promise<Nix> {
  await mkdir("/nix/store", { recursive: true });
  await mkdir("/nix/var/nix", { recursive: true });
  const beside = await mkdtemp("/nix/unpack-");
  try {
    await run("tar", ["--extract", "--xz", "--strip-components=1", "--file", file, "--directory", beside]);
    const names = await readdir(join(beside, "store"));
    // Nix wants its store read-only; hashes do not cover the write bits.
    await run("chmod", ["-R", "a-w", ...names.map((name) => join(beside, "store", name))]);
    for (const name of names) await moveIn(join(beside, "store", name), name);
    return await register(join(beside, ".reginfo"));
  } finally {
    await run("chmod", ["-R", "u+w", beside]);
    await rm(beside, { recursive: true, force: true });
  }
}

async function moveIn(path: string, name: string): Promise<void> {
  const target = join("/nix/store", name);
  if ((await lstat(target).catch(() => undefined)) !== undefined) return;
  // rename(2) of a directory writes its "..", which needs write permission on it.
  await run("chmod", ["u+w", path]);
  await rename(path, target);
  await run("chmod", ["u-w", target]);
}

/** Tells the store's database of the paths in a file like `nix-store --dump-db` makes, with Nix among them. */
async function register(registration: string): Promise<Nix> {
  const root = nixPath(await readFile(registration, "utf8"));
  const bin = join(root, "bin");
  await run(join(bin, "nix-store"), ["--load-db"], { stdin: registration });
  const version = /-nix-(\d[\w.]*)$/.exec(root)?.[1] ?? "unknown";
  info(`Installed Nix ${version} from ${root}`);
  return { bin, version };
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
