import { warning } from "@actions/core";
import type { Inputs } from "../inputs.ts";
import { info } from "../log.ts";
import { applyPlan } from "./apply.ts";
import type { Undo } from "./finding.ts";
import { type Plan, planRunner, type Settings } from "./plan.ts";
import { readFacts } from "./read/facts.ts";
import { reportLines, sentences } from "./report.ts";
import { traces } from "./traces.ts";

export interface Preparation {
  runner: Inputs["runner"];
  /** Whether to show all findings. */
  doctor: boolean;
  /** Absolute path of the image store, or of the directory where it will be. */
  storageRoot: string;
  /** Absolute path of the directory where the environment has its state. */
  runtimeDirectory: string;
  /** Absolute path of a directory for files of the job's. */
  home: string;
}

/**
 * Makes this machine ready for rootless podman.
 *
 * @param record keeps what takes a change back, before it is made
 * @returns how to start the environment
 * @throws {Error} saying what is missing and how to add it, when it cannot be done from here
 */
export async function prepareRunner(
  { runner, doctor, storageRoot, runtimeDirectory, home }: Preparation,
  record: (undo: readonly Undo[]) => void,
): Promise<Settings> {
  const wishes = { ...runner, home };
  const plan = planRunner(await readFacts({ storageRoot }), wishes);
  if (doctor) for (const line of reportLines(plan.findings)) info(line);
  refuse(plan);
  record(await traces({ storageRoot, runtimeDirectory }));
  if (plan.actions.length === 0) {
    info("Nothing to change: all that podman needs is there");
    return settle(plan);
  }
  const failed = await applyPlan(plan.actions, record);
  // As it is now: some actions may fail, and podman do without.
  return settle(planRunner(await readFacts({ storageRoot }), wishes, failed));
}

/** The settings of a plan; what they cost is a warning. */
function settle(plan: Plan): Settings {
  const settings = refuse(plan);
  for (const finding of plan.findings) if (finding.verdict === "note") warning(sentences(finding));
  return settings;
}

/** @throws {Error} for a plan that cannot lead to a podman, after what has failed is in the log */
function refuse({ findings, settings }: Plan): Settings {
  const failed = findings.filter(({ verdict }) => verdict === "failed");
  const [first] = failed;
  if (first === undefined && settings !== undefined) return settings;
  for (const line of reportLines(failed)) info(line);
  throw new Error(first && sentences(first));
}
