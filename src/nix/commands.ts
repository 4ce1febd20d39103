import { join } from "node:path";
import { type RunOptions, run, tryRun } from "../exec.ts";
import type { Nix } from "./find.ts";

const usersConfig = (): string =>
  join(process.env.XDG_CONFIG_HOME || join(process.env.HOME ?? "/", ".config"), "nix", "nix.conf");

const withConfig = (nix: Nix, options: RunOptions): RunOptions => ({
  ...options,
  env: {
    ...options.env,
    // Earlier files win over later ones; the second is where Nix looks by itself.
    NIX_USER_CONF_FILES: [nix.configFile, process.env.NIX_USER_CONF_FILES || usersConfig()]
      .filter((file) => file !== undefined)
      .join(":"),
  },
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
