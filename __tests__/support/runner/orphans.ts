import { setTimeout } from "node:timers/promises";
import type { JobMachine } from "../machine/machine.ts";
import type { Process } from "../machine/processes.ts";

export interface Orphans {
  /** What the runner found to be the job's, and killed. */
  killed: Process[];
  /** What runs on after that, and did not before the job: other users', or of an environment of its own. */
  survivors: Process[];
}

/**
 * Ends what a job left running as the runner does (JobExtension.cs): as its own user, the processes that were not
 * there before and have the job's RUNNER_TRACKING_ID in their environment.
 */
export async function endOrphans(
  machine: JobMachine,
  before: Process[],
  trackingId: string,
): Promise<Orphans> {
  const known = new Set(before.map((process) => process.hostPid));
  const present = async () =>
    (await machine.processes()).filter(({ hostPid, state }) => !known.has(hostPid) && state !== "Z");

  const candidates = await present();
  const environs = candidates.map(({ pid }) => `/proc/${pid}/environ`);
  const grep = [
    "grep",
    "--files-with-matches",
    "--no-messages",
    "--null-data",
    "--line-regexp",
    "--fixed-strings",
  ];
  const { stdout } =
    environs.length > 0
      ? await machine.exec([...grep, `RUNNER_TRACKING_ID=${trackingId}`, ...environs])
      : { stdout: "" };
  const ours = new Set(stdout.split("\n"));
  const killed = candidates.filter(({ pid }) => ours.has(`/proc/${pid}/environ`));
  if (killed.length > 0) await machine.exec(["kill", "-KILL", ...killed.map(({ pid }) => String(pid))]);

  // What followed from a killed process, such as its container monitor's end, takes a moment.
  const gone = new Set(killed.map((process) => process.hostPid));
  for (let tries = 0; tries < 20 && (await present()).some(({ hostPid }) => gone.has(hostPid)); tries++)
    await setTimeout(50);
  return { killed, survivors: await present() };
}
