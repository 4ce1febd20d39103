/** How long a job took that found no cached image store: travels with the segments, so that later jobs can compare. */
export interface ColdStart {
  /** Workflow, job and step, as the runner calls them; only the same ones are compared. */
  job: string;
  /** From the beginning of the step to the end of the job's own steps. */
  seconds: number;
}

/** Beside a segment in its cache entry. Entries without one are as good. */
export const coldStartFile = (digest: string): string => `${digest}.json`;

/** @returns undefined for a text that is no such record */
export function parseColdStart(text: string): ColdStart | undefined {
  try {
    const { job, seconds } = (JSON.parse(text) as Partial<ColdStart> | null) ?? {};
    return typeof job === "string" && typeof seconds === "number" && seconds >= 0
      ? { job, seconds }
      : undefined;
  } catch {
    return undefined;
  }
}
