import type { Annotation } from "./log.ts";

interface CommonStep {
  id: string;
  /** Default: the id. */
  name?: string;
  /** An expression, with or without `${{ }}`. Default: success(). */
  if?: string;
  env?: Record<string, string>;
  /** Milliseconds; then the step's processes are killed and it fails. Default: none. */
  timeout?: number;
}

export interface ActionStep extends CommonStep {
  /** true: the job's action; else its path in the machine, or "./..." in the workspace. */
  uses: true | string;
  with?: Record<string, string>;
}

export interface RunStep extends CommonStep {
  run: string;
  /** bash, sh, python3, or a command with {0} in it. Default: `bash -e {0}`, as GitHub's (no pipefail). */
  shell?: string;
}

export type Step = ActionStep | RunStep;

export type Outcome = "success" | "failure" | "skipped";

export interface StepResult {
  id: string;
  name: string;
  phase: "main" | "post";
  outcome: Outcome;
  /** The process's exit code; null when there was none: skipped, killed, not started. */
  code: number | null;
  seconds: number;
  /** As shown to a person: masked, commands carried out. */
  log: string;
  annotations: Annotation[];
  outputs: Record<string, string>;
  /** The Markdown written to GITHUB_STEP_SUMMARY. */
  summary: string;
  /** Something the step left running kept its output open, which cost five seconds. */
  outputHeld: boolean;
}

/** The arguments that run a script file with a step's `shell`. */
export function shellCommand(shell: string | undefined, script: string): string[] {
  switch (shell) {
    case undefined:
      return ["bash", "-e", script];
    case "bash":
      return ["bash", "--noprofile", "--norc", "-eo", "pipefail", script];
    case "sh":
      return ["sh", "-e", script];
  }
  if (/^python3?$/.test(shell)) return [shell, script];
  if (!shell.includes("{0}"))
    throw new Error(`Invalid shell option '${shell}': expected bash, sh, python or {0}`);
  return shell.split(/\s+/).map((word) => word.replaceAll("{0}", script));
}
