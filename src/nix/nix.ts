import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { NixInputs } from "../inputs.ts";
import { info } from "../log.ts";
import { findEarlierNix, findNix, type Nix } from "./find.ts";
import { installNix } from "./install.ts";
import type { NixPlaces } from "./programs.ts";
import { currentSystem, releaseTarball } from "./releases.ts";
import { checkConfig, exportSettings, writeConfig } from "./settings.ts";

export { runNix, tryNix } from "./commands.ts";
export { type Nix, onMachine } from "./find.ts";
export type { NixPlaces } from "./programs.ts";
export { nixConfig } from "./settings.ts";

/**
 * The Nix that the inputs ask for, found or installed, with their settings; later steps find it too.
 *
 * @throws {Error} where there is none and none can or may be installed
 */
export async function provideNix(inputs: NixInputs, places: NixPlaces): Promise<Nix> {
  return offerNix(await choose(inputs, places), inputs, places);
}

/**
 * Gives a Nix to later steps, and the settings of this step to it.
 *
 * @throws {Error} for settings that are none of Nix's
 */
export async function offerNix(nix: Nix, inputs: NixInputs, places: NixPlaces): Promise<Nix> {
  const offered = { ...nix, configFile: join(places.settings, "nix.conf") };
  await mkdir(places.settings, { recursive: true, mode: 0o700 });
  await writeConfig(offered.configFile, inputs);
  await checkConfig(offered, inputs);
  await exportSettings(offered, inputs, places);
  return offered;
}

async function choose(inputs: NixInputs, places: NixPlaces): Promise<Nix> {
  const { mode, version, tarball } = inputs;
  const found =
    mode === "install"
      ? await findEarlierNix(places, tarball === undefined ? version : versionIn(tarball.url))
      : ((await findNix()) ?? (await findEarlierNix(places)));
  if (found !== undefined) {
    info(`Using Nix ${found.version} at ${found.bin}`);
    return found;
  }
  if (mode === "existing") {
    throw new Error(
      "There is no Nix of 2.8 or newer, neither on PATH nor where installers put it, and the input nix is existing. Install one in a step before, or use nix: auto.",
    );
  }
  return installNix(tarball ?? releaseTarball(version, currentSystem()), places);
}

/** The version of a release tarball, by its name; of one with another name, none that an installed one has. */
const versionIn = (url: string): string => /\/nix-(\d[\w.]*)-\w+-linux\.tar\.xz$/.exec(url)?.[1] ?? "";
