import { summary, warning } from "@actions/core";
import { examine } from "../doctor/examination.ts";
import { messageOf, stageTimes } from "../log.ts";
import type { State } from "../state.ts";
import type { Inventory } from "../store/inventory.ts";
import type { SavedPart } from "./cache.ts";
import { jobName } from "./cold-start.ts";
import { headingOf, renderFailure, renderJob } from "./report.ts";

/** Adds to the step's job summary; where that cannot be done, a warning says so. */
export async function writeSummary(text: string): Promise<void> {
  try {
    await summary.addRaw(text, true).write();
  } catch (error) {
    warning(`The job summary is not written: ${messageOf(error)}`);
  } finally {
    summary.emptyBuffer();
  }
}

/** Of a step that fails, where a summary is wanted: the error, and what doctor says of the machine. */
export async function summarizeFailure({ summary: wish }: State, message: string): Promise<void> {
  if (wish === undefined) return;
  // It has nothing to say of a machine that it cannot read.
  const examination = await examine(wish).catch(() => undefined);
  const heading = headingOf(process.env.GITHUB_ACTION ?? "", wish.name);
  await writeSummary(renderFailure(heading, message, { name: "main", stages: stageTimes() }, examination));
}

/** What post knows of its job. */
export interface Ended {
  /** When post began, in milliseconds since 1970. */
  begun: number;
  saved: readonly SavedPart[];
  /** Undefined: not known, as of an earlier step's environment. */
  inventory: Inventory | undefined;
}

/** Of a job that ends, where a summary is wanted and main went well. */
export async function summarizeJob(state: State, { begun, saved, inventory }: Ended): Promise<void> {
  const { summary: wish, job, stages = [] } = state;
  if (wish === undefined || job === undefined) return;
  const text = renderJob({
    heading: headingOf(process.env.GITHUB_ACTION ?? "", wish.name),
    job,
    phases: [
      { name: "main", stages },
      { name: "post", stages: stageTimes() },
    ],
    saved,
    inventory,
    comparison: { stages, job: jobName(), seconds: (begun - (state.begun ?? begun)) / 1000 },
  });
  await writeSummary(text);
}
