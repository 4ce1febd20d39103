import { join } from "node:path";
import { type RunOptions, run, tryRun } from "../exec.ts";
import type { Nix } from "./find.ts";

/** Where Nix looks for settings by itself, unless the job says otherwise. */
const usersConfig = (): string =>
  process.env.NIX_USER_CONF_FILES ||
  join(process.env.XDG_CONFIG_HOME || join(process.env.HOME ?? "/", ".config"), "nix", "nix.conf");

/** NIX_USER_CONF_FILES with ours in front: earlier files win over later ones. */
export const configFiles = (configFile: string | undefined): string =>
  [...new Set([configFile, ...usersConfig().split(":")])].filter((file) => file).join(":");

const withConfig = (nix: Nix, options: RunOptions): RunOptions => ({
  ...options,
  env: { ...options.env, NIX_USER_CONF_FILES: configFiles(nix.configFile) },
});

/** Runs `nix ARGS` and returns its standard output. */
export const runNix = (nix: Nix, args: readonly string[], options: RunOptions = {}) =>
  run(join(nix.bin, "nix"), args, withConfig(nix, options));

/** Runs `nix ARGS` and returns how it ended. */
export const tryNix = (nix: Nix, args: readonly string[], options: RunOptions = {}) =>
  tryRun(join(nix.bin, "nix"), args, withConfig(nix, options));

/** Runs `nix-store ARGS` and returns how it ended. */
export const tryNixStore = (nix: Nix, args: readonly string[], options: RunOptions = {}) =>
  tryRun(join(nix.bin, "nix-store"), args, withConfig(nix, options));
