import { afterAll, beforeAll, expect } from "@jest/globals";
import type { ExecResult } from "../machine/exec.ts";
import { type EnvironmentMachine, type EnvironmentOptions, startEnvironmentMachine } from "./environment.ts";

/** The machine that the tests of a file or a group share; they do not close it. */
export interface Desk extends Omit<EnvironmentMachine, "close"> {
  /** The pids, as the machine knows them, of the processes of this name that are not zombies. */
  pidsOf(name: string): number[];
}

/**
 * Starts a machine before the tests of the file or group in which it is called, and closes it after them. What they need
 * besides goes into a `beforeAll` below the call, when the machine stands. Nothing of the result works before that; its
 * functions may be taken out of it at once, `machine` and `image` may not.
 */
export function useEnvironmentMachine(options?: EnvironmentOptions): Desk {
  let started: EnvironmentMachine | undefined;
  beforeAll(async () => {
    started = await startEnvironmentMachine(options);
  }, 900_000);
  afterAll(() => started?.close());
  const desk = () => {
    if (started === undefined) throw new Error("there is no machine");
    return started;
  };
  return {
    get machine() {
      return desk().machine;
    },
    get image() {
      return desk().image;
    },
    sh: (...args) => desk().sh(...args),
    output: (...args) => desk().output(...args),
    root: (...args) => desk().root(...args),
    restart: () => desk().restart(),
    pidsOf: (name) =>
      desk()
        .machine.processes()
        .filter((process) => process.name === name && process.state !== "Z")
        .map(({ pid }) => pid),
  };
}

/** What enter.sh says in the call that finds its holder gone. */
export const GONE =
  "podman-rootless: the environment's holder is gone; starting anew (containers that ran have ended)\n";

/** How a command ended and what it said: of a result, all that `toEqual` is to compare. */
export const seen = ({ code, stdout, stderr }: ExecResult) => ({ code, stdout, stderr });

/** What is `seen` of a command that ends with 0 and complains of nothing. */
export const well = (stdout: unknown = expect.anything()) => ({ code: 0, stdout, stderr: "" });
