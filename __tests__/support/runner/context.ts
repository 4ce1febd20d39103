import { dirname } from "node:path";

/** Where GitHub's hosted runner keeps its things. */
export const WORK = "/home/runner/work";
export const tempOf = (work: string): string => `${work}/_temp`;
export const TEMP = tempOf(WORK);
export const NODE = "/opt/node24/bin/node";

/** The github context of a push to `octo/project`; `overrides` replaces or adds. */
export function githubContext(
  token: string,
  overrides: Record<string, string> = {},
  work = WORK,
): Record<string, string> {
  const repository = overrides.repository ?? "octo/project";
  const [owner = "", project = ""] = repository.split("/");
  return {
    token,
    actor: owner,
    api_url: "https://api.github.com",
    event_name: "push",
    event_path: `${tempOf(work)}/_github_workflow/event.json`,
    graphql_url: "https://api.github.com/graphql",
    job: "job",
    ref: "refs/heads/main",
    ref_name: "main",
    ref_type: "branch",
    repository,
    repository_id: "1",
    repository_owner: owner,
    run_attempt: "1",
    run_id: "1",
    run_number: "1",
    server_url: "https://github.com",
    sha: "5a1f2c3d4e5f60718293a4b5c6d7e8f901234567",
    workflow: "workflow",
    workspace: `${work}/${project}/${project}`,
    ...overrides,
  };
}

export function runnerContext(debug: boolean, work = WORK): Record<string, string> {
  return {
    name: "runner-on-a-desk",
    os: "Linux",
    arch: process.arch === "arm64" ? "ARM64" : "X64",
    environment: "github-hosted",
    temp: tempOf(work),
    tool_cache: "/opt/hostedtoolcache",
    ...(debug ? { debug: "1" } : {}),
  };
}

/** What steps see whatever they and the workflow set: GITHUB_* but the token, RUNNER_*. */
export function fixedVariables(
  github: Record<string, string>,
  runner: Record<string, string>,
  trackingId: string,
): Record<string, string> {
  const env: Record<string, string> = {
    GITHUB_ACTIONS: "true",
    RUNNER_TRACKING_ID: trackingId,
    RUNNER_WORKSPACE: dirname(github.workspace ?? ""),
  };
  for (const [name, value] of Object.entries(github)) {
    if (name !== "token") env[`GITHUB_${name.toUpperCase()}`] = value;
  }
  for (const [name, value] of Object.entries(runner)) env[`RUNNER_${name.toUpperCase()}`] = value;
  return env;
}

/** What the runner's own process has in its environment, and the workflow may change. */
export const runnerVariables = {
  CI: "true",
  PATH: "/home/runner/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  XDG_CONFIG_HOME: "/home/runner/.config",
  XDG_RUNTIME_DIR: "/run/user/1001",
};
