import { accessSync, constants, existsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
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

/** The user's directory for this action, where image stores are that no input names a place for. */
export const storesDirectory = (): string => join(homedir(), ".local", "share", "podman-rootless");

/**
 * Where what next jobs can use is, image stores aside: the directory of the stores; or, where the home directory cannot
 * be written to, one that ends with the job.
 */
export function ownDirectory(): string {
  const usual = storesDirectory();
  let there = usual;
  while (!existsSync(there)) there = dirname(there);
  try {
    accessSync(there, constants.W_OK);
    return usual;
  } catch {
    return join(process.env.RUNNER_TEMP || tmpdir(), "podman-rootless", "own");
  }
}
