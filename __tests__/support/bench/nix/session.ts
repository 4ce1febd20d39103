import { defaultValues } from "../../inputs.ts";
import type { Machine } from "../../machine/machine.ts";
import { fixedVariables, githubContext, runnerContext, runnerVariables, TEMP } from "../../runner/context.ts";
import { timed } from "../timed.ts";
import type { Desk } from "./desk.ts";

const github = githubContext("ghs_000000000000000000000000000000000000");
const { workspace = "" } = github;

/** The variables of a step of a job with these inputs. */
export const session = ({ world }: Desk, inputs: Record<string, string>): Record<string, string> => ({
  ...runnerVariables,
  ...fixedVariables(github, runnerContext(false), "github_bench"),
  ...world.cache.environment(),
  ...Object.fromEntries(
    Object.entries({ ...defaultValues(), ...inputs }).map(([name, value]) => [
      `INPUT_${name.toUpperCase()}`,
      value,
    ]),
  ),
});

/**
 * The milliseconds that a bash script takes in a machine with the directories of a job.
 *
 * @param before runs first, and is not counted
 */
export async function milliseconds(
  desk: Desk,
  machine: Machine,
  { before = ":", script, env = {} }: { before?: string; script: string; env?: Record<string, string> },
): Promise<number> {
  const make = `mkdir -p ${TEMP} ${workspace}; ${before}`;
  return Number(await desk.sh(machine, timed(make, script), env)) / 1000;
}

/**
 * The milliseconds of the whole of main, node's start too.
 *
 * @param action its directory in the machine
 * @param says what its log has to have, or it did something else
 */
export async function runMain(
  desk: Desk,
  machine: Machine,
  { action, inputs, says }: { action: string; inputs: Record<string, string>; says: RegExp[] },
): Promise<number> {
  const script = `/opt/node24/bin/node ${action}/dist/index.js 2>&1 | tee ~/main.log`;
  const took = await milliseconds(desk, machine, { script, env: session(desk, inputs) });
  const log = await desk.sh(machine, "cat ~/main.log");
  const lacking = says.find((text) => !text.test(log));
  if (lacking !== undefined) throw new Error(`main did not say ${lacking}:\n${log}`);
  return took;
}
