import { type Output, type RunOptions, run, tryRun } from "../exec.ts";
import type { StorageDriver } from "../inputs.ts";

/** One environment, running or not: all that nix/enter.sh needs to find it. */
export interface Environment {
  /** Absolute path of enter.sh. */
  script: string;
  /** FHS root with podman in it. */
  rootfs: string;
  /** podman's image store. */
  graphRoot: string;
  driver: StorageDriver;
  /**
   * `single`: the user's own id alone. Otherwise the first of the subordinate ids for container ids 1 to 65536. Absent:
   * those of the user's first range that is large enough.
   */
  ids?: "single" | { uids: number; gids: number };
  /** Directory with unshare and nsenter, for which an AppArmor profile is. Absent: those of PATH. */
  tools?: string | undefined;
  /**
   * Directory with a `store` of store paths: it is /nix in the environment where the machine has none, and lies over the
   * machine's otherwise. Absent: the machine's /nix alone.
   */
  nix?: string | undefined;
  /** Where the environment keeps its own state, below the user's runtime directory. */
  directory: string;
  /** Absolute path of the executable that is podman in this environment. */
  podman: string;
}

/** Program and arguments of enter.sh for an environment, up to its command. */
export function enter(environment: Environment): [string, ...string[]] {
  const { script, rootfs, graphRoot, driver, ids, tools, nix, directory } = environment;
  return [
    "/bin/sh",
    script,
    ...["--rootfs", rootfs],
    ...["--graph-root", graphRoot],
    ...["--driver", driver],
    ...(ids === undefined ? [] : ["--ids", ids === "single" ? ids : `${ids.uids}:${ids.gids}`]),
    ...(tools === undefined ? [] : ["--tools", tools]),
    ...(nix === undefined ? [] : ["--nix", nix]),
    ...["--dir", directory],
    // People who start the environment by hand are asked first; here the runner's sudo is there to be used.
    "--sudo",
  ];
}

type Command = "start" | "stop" | "erase" | "mount";

function tryEnter(environment: Environment, args: readonly string[]): Promise<Output> {
  const [shell, ...enterArgs] = enter(environment);
  return tryRun(shell, [...enterArgs, ...args]);
}

/** @throws {Error} in the words of enter.sh, which name cause and remedy */
export async function command(environment: Environment, name: Command): Promise<void> {
  const { code, stderr } = await tryEnter(environment, [name]);
  if (code !== 0) {
    const lines = stderr.trim().split("\n");
    throw new Error(lines.map((line) => line.replace(/^podman-rootless: /, "")).join("; "));
  }
}

export async function isRunning(environment: Environment): Promise<boolean> {
  return (await tryEnter(environment, ["status"])).code === 0;
}

/** Runs a program of the rootfs in the environment and returns its standard output. */
export function inside(
  environment: Environment,
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const [shell, ...enterArgs] = enter(environment);
  return run(shell, [...enterArgs, "exec", program, ...args], options);
}

/** As `inside`, for a program that may fail. */
export function tryInside(
  environment: Environment,
  program: string,
  args: readonly string[],
): Promise<Output> {
  return tryEnter(environment, ["exec", program, ...args]);
}
