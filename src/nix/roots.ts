import { mkdir, rename, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { NixPlaces } from "./programs.ts";

/** The link by which a Nix that this action installed is a root of the garbage collector, and found again. */
export const nixRoot = ({ own }: Pick<NixPlaces, "own">): string => join(own, "roots", "nix");

/**
 * Makes a link a root of the garbage collector, as `nix-store --add-root` does, without the start of a program.
 *
 * @param directory what is /nix for the store
 * @param link absolute path; its name is unlike those of other roots
 * @param path what it leads to, in /nix/store
 */
export async function addRoot(directory: string, link: string, path: string): Promise<void> {
  const roots = join(directory, "var", "nix", "gcroots", "auto");
  await Promise.all([dirname(link), roots].map((parent) => mkdir(parent, { recursive: true })));
  await replaceLink(path, link);
  await replaceLink(link, join(roots, `podman-rootless-${basename(link)}`));
}

/** At no time there is none. */
async function replaceLink(target: string, link: string): Promise<void> {
  const beside = `${link}.${process.pid}`;
  await symlink(target, beside);
  await rename(beside, link);
}
