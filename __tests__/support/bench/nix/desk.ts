import { chownSync, mkdirSync, rmSync } from "node:fs";
import type { Machine, Mount } from "../../machine/machine.ts";
import { outputOf } from "../../machine/output.ts";
import { openWorld, repository, type World } from "../../world/world.ts";
import type { Answers, Requests } from "./requests.ts";

/** The action with its sources and what they import, in the machines. */
const SOURCES = "/srv/action";
const PATH = "/opt/node24/bin:/usr/local/bin:/usr/bin:/bin";

/** A world, and machines on it that have the action's own code. */
export interface Desk {
  world: World;
  /** One on which all may be tried that is undone afterwards. */
  machine: Machine;
  /**
   * A machine that was never used before, for as long as `work` takes. Its /nix is an empty directory of the user's, not
   * on an overlay as the machine's root is: the kernel lays no other overlay over that.
   */
  fresh<T>(work: (machine: Machine) => Promise<T>, mounts?: Mount[]): Promise<T>;
  /** Runs a bash script as the user, in the home directory, and returns what it prints, trimmed. */
  sh(machine: Machine, script: string, env?: Record<string, string>): Promise<string>;
  /** Asks ours.ts. */
  ours<Name extends keyof Requests>(
    machine: Machine,
    name: Name,
    request: Requests[Name],
    env?: Record<string, string>,
  ): Promise<Answers[Name]>;
  close(): Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const world = await openWorld();
  let number = 0;
  const start = (name: string, ...mounts: Mount[]) =>
    world.machine(name, {
      mounts: [{ source: repository, target: SOURCES }, ...mounts],
      subordinateIds: "runner:100000:65536",
    });
  const run = async (machine: Machine, argv: string[], env: Record<string, string>) =>
    outputOf(argv.join(" "), await machine.exec(argv, { env: { PATH, ...env } }));
  return {
    world,
    machine: await start("bench"),
    fresh: async (work, mounts = []) => {
      number += 1;
      const name = `bench-${number}`;
      const source = world.path("machines", `${name}.nix`);
      mkdirSync(source, { recursive: true });
      const machine = await start(name, { source, target: "/nix", writable: true }, ...mounts);
      chownSync(source, machine.owner, machine.owner);
      try {
        return await work(machine);
      } finally {
        await machine.stop();
        for (const path of [world.path("machines", name), source]) rmSync(path, { recursive: true });
      }
    },
    sh: (machine, script, env = {}) => run(machine, ["bash", "-euo", "pipefail", "-c", script], env),
    ours: async (machine, name, request, env = {}) => {
      const script = `${SOURCES}/__tests__/support/bench/nix/ours.ts`;
      const printed = await run(machine, ["node", script, name, JSON.stringify(request)], { ...env, PATH });
      return JSON.parse(printed.split("\n").at(-1) ?? "") as Answers[typeof name];
    },
    close: () => world.close(),
  };
}
