import type { JobResult } from "../runner/job.ts";
import type { StepResult } from "../runner/workflow.ts";

/** A job and what to call it. */
export interface NamedJob {
  title: string;
  result: Pick<JobResult, "seconds"> & { steps: StepResult[] };
}

const barWidth = 24;

/** The steps of jobs with the same steps, side by side: seconds, and a bar on one scale for all. */
export function renderTimelines(jobs: readonly NamedJob[]): string {
  const rows = jobs[0]?.result.steps ?? [];
  const longest = Math.max(
    0.001,
    ...jobs.flatMap(({ result }) => result.steps.map(({ seconds }) => seconds)),
  );
  const nameWidth = Math.max(...rows.map(({ name }) => name.length), "Total".length);
  const cell = (step: StepResult | undefined): string => {
    if (step === undefined || step.outcome === "skipped") return "-".padEnd(barWidth + 10);
    const bar = "█".repeat(Math.max(1, Math.round((step.seconds / longest) * barWidth)));
    const mark = step.outcome === "failure" ? " failed" : "";
    return `${step.seconds.toFixed(1).padStart(6)} s ${bar}${mark}`.padEnd(barWidth + 10);
  };
  const line = (name: string, cells: string[]) => [name.padEnd(nameWidth), ...cells].join("  ").trimEnd();
  return [
    line(
      "",
      jobs.map(({ title }) => title.padStart(8).padEnd(barWidth + 10)),
    ),
    ...rows.map((row, index) =>
      line(
        row.name,
        jobs.map(({ result }) => cell(result.steps[index])),
      ),
    ),
    line(
      "Total",
      jobs.map(({ result }) => `${result.seconds.toFixed(1).padStart(6)} s`.padEnd(barWidth + 10)),
    ),
  ].join("\n");
}
