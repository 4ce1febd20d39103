import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where this run of the action stands. Paths are absolute. */
export interface Place {
  /** The action's own checkout. */
  action: string;
  /** The job's working directory, to which relative paths of inputs relate. */
  workspace: string;
  /** Emptied by the runner before and after each job. */
  temporary: string;
  /** Unlike for any other run of a workflow, and for any other attempt at it. */
  run: string;
}

/** @throws {Error} outside of a runner */
export function findPlace(env: NodeJS.ProcessEnv = process.env): Place {
  const temporary = env.RUNNER_TEMP;
  if (!temporary) throw new Error("RUNNER_TEMP is not set: run this as a step of a GitHub Actions workflow.");
  return {
    // One up from src/ and from dist/ alike.
    action: dirname(dirname(fileURLToPath(import.meta.url))),
    workspace: env.GITHUB_WORKSPACE || process.cwd(),
    temporary,
    run: `${env.GITHUB_RUN_ID ?? ""}.${env.GITHUB_RUN_ATTEMPT ?? ""}.${env.GITHUB_JOB ?? ""}`,
  };
}

/** The user's directory for this action: image stores that no input names a place for, and what next jobs can use. */
export const ownDirectory = (): string => join(homedir(), ".local", "share", "podman-rootless");
