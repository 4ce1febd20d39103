import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { asset, cached, sources } from "./cache.ts";
import { debianRoot } from "./debian-root.ts";
import { sha256 } from "./digest.ts";
import { run } from "./run.ts";

/** A Nix release tarball, as `nix-VERSION-SYSTEM.tar.xz` of the official release host. */
export interface NixTarball {
  /** Its file; the name is the official one. */
  path: string;
  /** As in `2.26.3`. */
  version: string;
  /** Of the file, in hexadecimal. */
  sha256: string;
  /** As in `x86_64-linux`. */
  system: string;
}

/**
 * A release tarball in the official layout, made from trixie's Nix on first use (25 s), which needs nothing but
 * /nix/store to run.
 *
 * @throws Error with the complaint of the program that failed.
 */
export async function nixTarball(): Promise<NixTarball> {
  const packages = ["nix-bin", "ca-certificates"];
  const recipe = [packages, await sources("nix-tarball.sh", "nix-install.sh")];
  const folder = await cached("nix-tarball", recipe, async (partial) => {
    const root = await debianRoot({ name: "nix", packages });
    await run(asset("nix-tarball.sh"), [root, partial]);
  });
  const [name = "", ...more] = (await readdir(folder)).filter((file) => file.endsWith(".tar.xz"));
  const [, version, system] = /^nix-([0-9.]+)-(\w+-linux)\.tar\.xz$/.exec(name) ?? [];
  if (version === undefined || system === undefined || more.length > 0) {
    throw new Error(`${folder} holds no Nix release tarball. Remove it, it will be made again.`);
  }
  const path = join(folder, name);
  return { path, version, sha256: await sha256(path), system };
}
