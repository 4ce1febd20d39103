import type { CacheMode } from "../inputs.ts";

/** What a job does with the cached store. */
export interface Policy {
  read: boolean;
  write: boolean;
  /** In words, where it is less than both. */
  why?: string;
}

const off = (why: string): Policy => ({ read: false, write: false, why });

/**
 * What `auto` means for a job. Releases are built from nothing, so that no earlier run has a say in what is published;
 * and the two events that run a repository's own workflow with its rights for somebody else's change leave alone what
 * all of the repository's jobs would read later.
 *
 * @param env of the runner; see "Variables" in GitHub's reference of workflows
 */
export function cachePolicy(mode: CacheMode, env: NodeJS.ProcessEnv): Policy {
  if (mode === "false") return off("the input cache is false");
  if (mode === "auto") {
    const event = env.GITHUB_EVENT_NAME ?? "";
    if (env.GITHUB_REF_TYPE === "tag" && event === "push") return off("a tag was pushed");
    if (["release", "pull_request_target", "workflow_run"].includes(event))
      return off(`the event is ${event}`);
  }
  // The runner's word for what the token may do; unset by older ones.
  const permitted = (env.ACTIONS_CACHE_MODE ?? "").trim().toLowerCase();
  if (permitted === "none") return off("the job's token may not use the cache");
  if (mode === "read-only" && permitted === "write-only")
    return off("the job's token may not read the cache");
  if (mode === "read-only") return { read: true, write: false, why: "the input cache is read-only" };
  if (permitted === "read")
    return { read: true, write: false, why: "the job's token may only read the cache" };
  if (permitted === "write-only")
    return { read: false, write: true, why: "the job's token may only write to the cache" };
  return { read: true, write: true };
}
