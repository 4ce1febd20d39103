import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addPath, info } from "@actions/core";
import type { NixInputs } from "../inputs.ts";
import { findNix, type Nix } from "./find.ts";
import { installNix } from "./install.ts";
import { currentSystem, releaseTarball } from "./releases.ts";

export { runNix, tryNix } from "./commands.ts";
export type { Nix } from "./find.ts";

/**
 * The Nix on PATH, or else the one that the inputs name, installed and put on the PATH of later steps.
 *
 * @param directory where its settings are kept, readable by this user only: they may hold the token
 */
export async function provideNix(inputs: NixInputs, directory: string): Promise<Nix> {
  const found = await findNix();
  if (found !== undefined) {
    info(`Using Nix ${found.version} at ${found.bin}`);
    return await offerNix(found, inputs, directory);
  }
  const tarball = inputs.tarball ?? releaseTarball(inputs.version, currentSystem());
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return await offerNix(await installNix(tarball, directory), inputs, directory);
}

/** Gives a Nix to later steps, and the settings of this step to it. */
export async function offerNix(nix: Nix, inputs: NixInputs, directory: string): Promise<Nix> {
  const configFile = join(directory, "nix.conf");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(configFile, nixConfig(inputs.githubToken), { mode: 0o600 });
  if (!process.env.PATH?.split(":").includes(nix.bin)) addPath(nix.bin);
  return { ...nix, configFile };
}

/** Settings for the commands of this action, in the format of nix.conf(5). */
export function nixConfig(githubToken: string): string {
  const lines = ["extra-experimental-features = nix-command flakes", "accept-flake-config = false"];
  if (githubToken !== "") lines.push(`extra-access-tokens = github.com=${githubToken}`);
  // A single-user installation has no build users; with a daemon this setting of a client has no effect.
  lines.push("build-users-group =");
  return `${lines.join("\n")}\n`;
}
