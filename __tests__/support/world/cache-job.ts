// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { readdirSync, readFileSync } from "node:fs";
import { expect } from "@jest/globals";
import { IMAGES } from "../assets/images.ts";
import type { Machine } from "../machine/machine.ts";
import { type JobResult, runJob } from "../runner/job.ts";
import type { RunStep, Step } from "../runner/workflow.ts";
import { actionPath, type World } from "./world.ts";

export const podman = "${{ steps.podman.outputs.podman }}";
const storage = "~/.local/share/podman-rootless";

export interface CacheJobOptions {
  inputs?: Record<string, string>;
  /** Number of the workflow's run. */
  run?: number;
  /** Lines of the log as they come. */
  onLine?: (line: string, phase: "main" | "post") => void;
}

/** Runs the action and some steps on a machine, as a job of its own. */
export const cacheJob = (
  world: World,
  machine: Machine,
  steps: Step[],
  { inputs = {}, run = 1, onLine }: CacheJobOptions = {},
): Promise<JobResult> =>
  runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    github: { run_id: `${run}` },
    steps: [{ id: "podman", uses: true, with: { ...world.inputs, ...inputs } }, ...steps],
    ...(onLine && { onLine: (line, { id, phase }) => id === "podman" && onLine(line, phase) }),
  });

export const busybox = (world: World) => `${world.registry.host}/${IMAGES.busybox}`;

/** A step that needs an image, and leaves one made on it. */
export const work = (world: World, text = "one"): RunStep => ({
  id: "work",
  run: `mkdir -p ~/.config/containers; printf '[[registry]]\\nlocation = "${world.registry.host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf
printf 'FROM ${busybox(world)}\\nRUN echo ${text} >/${text}; chown 33:44 /${text}\\n' >Containerfile
${podman} build --tag localhost/${text} .
${podman} run --rm localhost/${text} sh -c 'cat /${text}; stat -c %u:%g /${text}'
ls ${"$RUNNER_TEMP"}/podman-rootless-segments 2>/dev/null || echo no transit`,
});

/** What a job's cache did: every fault a warning, the job green, nothing left behind. */
export function expectGreen(result: JobResult, world: World): void {
  const failed = result.steps.filter(({ outcome }) => outcome !== "success");
  expect(failed.map(({ name, log }) => ({ name, log }))).toEqual([]);
  expect(result).toMatchObject({ outcome: "success", killed: [], survivors: [] });
  expect(loopsBelow(world.path())).toEqual([]);
}

/** Warnings of the action's main and post. */
export const warnings = (result: JobResult): string[] =>
  [result.step("podman"), result.post("podman")].flatMap(({ annotations }) =>
    annotations.map(({ level, message }) => (level === "warning" ? message : `${level}: ${message}`)),
  );

/** Whether the build of {@link work} found all its steps done. */
export const wasWarm = (result: JobResult): boolean => /Using cache/.test(result.step("work").log);

/** Makes a machine one without a store, as a new one is; what Nix has stays, to save time. */
export async function forget(machine: Machine): Promise<void> {
  const { code, stderr } = await machine.exec(
    ["sh", "-c", `rm -rf /home/runner/.local/share/podman-rootless`],
    {
      user: "root",
    },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

/** Names of the files beside a machine's store that belong to segments. */
export async function segmentFiles(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.exec([
    "sh",
    "-c",
    `ls ${storage}/*/segments ${storage}/segments 2>/dev/null`,
  ]);
  return stdout.split("\n").filter((line) => /\.(squashfs|part|lists|new)$/.test(line));
}

/** Files below a directory of the host that loop devices still stand on. */
export function loopsBelow(directory: string): string[] {
  return readdirSync("/sys/block")
    .map((name) => {
      try {
        return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim();
      } catch {
        return "";
      }
    })
    .filter((file) => file.includes(directory));
}
