import type { Origin } from "../closure/job.ts";
import type { StageTime } from "../log.ts";
import type { ColdStart } from "../store/cold-start.ts";
import { formatSeconds, table } from "./markdown.ts";

/** The stages that get podman's store paths and Nix, from the cache or without it. */
const provisioning = ["Closure", "Nix", "Flake"];

/** Seconds that these stages took together. */
export const provisionSeconds = (stages: readonly StageTime[]): number =>
  stages
    .filter(({ name }) => provisioning.includes(name))
    .reduce((sum, { begin, end }) => sum + (end - begin) / 1000, 0);

/** What a job is, to a later one that compares itself with it. */
export const jobName = (env: NodeJS.ProcessEnv = process.env): string =>
  [env.GITHUB_WORKFLOW, env.GITHUB_JOB, env.GITHUB_ACTION].map((name) => name ?? "").join("/");

export interface Comparison {
  origin: Origin | undefined;
  stages: readonly StageTime[];
  /** Of the newest segment that has one. */
  cold: ColdStart | undefined;
  job: string;
  /** From the beginning of main to that of post. */
  seconds: number;
}

/** What the cache has won, where a cold start was measured; empty otherwise. */
export function won({ origin, stages, cold, job, seconds }: Comparison): string {
  const rows: string[][] = [];
  const notes: string[] = [];
  const add = (what: string, before: number, now: number) => {
    // So that the row adds up as it is shown.
    const tenths = Math.round(before * 10) - Math.round(now * 10);
    rows.push([what, formatSeconds(before), formatSeconds(now), formatSeconds(tenths / 10)]);
  };
  if (origin?.coldSeconds !== undefined) {
    add("Nix and podman's store paths", origin.coldSeconds, provisionSeconds(stages));
    notes.push(
      "Nix and podman's store paths: the stages Closure, Nix and Flake, here and in the job that saved them to the cache.",
    );
  }
  if (cold !== undefined && cold.job === job) {
    add("The whole job", cold.seconds, seconds);
    notes.push(
      "The whole job: from the beginning of this step to the end of the job's last step, here and in the run of the same job that found no cached image store. What its steps do may have changed since.",
    );
  }
  if (rows.length === 0) return "";
  return [
    table(["against a cold start", "cold", "this job", "won"], rows),
    "",
    ...notes.map((note) => `- ${note}`),
  ].join("\n");
}
