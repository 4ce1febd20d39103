// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import { startLacking } from "../support/machine/lacks.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

let world: World;
let cold: JobResult;
let warm: JobResult;
let failed: JobResult;

async function job(machine: Machine): Promise<JobResult> {
  const image = `${world.registry.host}/${IMAGES.busybox}`;
  try {
    return await runJob(machine, {
      action: { path: actionPath },
      env: world.cache.environment(),
      debug: true,
      steps: [
        { id: "podman", uses: true, with: { ...world.inputs, summary: "true" } },
        {
          id: "run",
          run: "${{ steps.podman.outputs.podman }} " + `run --rm --tls-verify=false ${image} true`,
        },
      ],
    });
  } finally {
    await machine.stop();
  }
}

beforeAll(async () => {
  world = await openWorld();
  cold = await job(await world.machine("cold"));
  warm = await job(await world.machine("warm"));
  failed = await job(
    await startLacking(["no subordinate ids", "no sudo"], (options) => world.machine("failed", options)),
  );
}, 900_000);
afterAll(() => world.close());

test("a cold job tells what it saved, and that nothing was there", () => {
  expect([cold.outcome, cold.step("podman").summary]).toEqual(["success", ""]);
  const { summary } = cold.post("podman");
  expect(summary).toMatch(/^## podman-rootless: podman\n/);
  expect(summary).toMatch(/^ {4}Nix \d+\.\d s :\d+, \d+$/m);
  expect(summary).toContain("| image store | miss |");
  expect(summary).toMatch(
    /^\| image store \| \d+\.\d \wB \| <code>podman-rootless-store-v1-.*1-[0-9a-f]{12}<\/code>/m,
  );
  expect(summary).toMatch(
    /^\| Nix and podman's store paths \| \d+\.\d MB \| <code>podman-rootless-closure-/m,
  );
  expect(summary).not.toContain("cold start");
});

test("a warm job tells what was brought back, and what that won", () => {
  expect([warm.outcome, warm.step("podman").summary]).toEqual(["success", ""]);
  const { summary } = warm.post("podman");
  expect(summary).toMatch(/^\| image store \| hit \| \d+\.\d \wB in 1 segment \|$/m);
  expect(summary).toMatch(/^\| <code>[0-9a-f]{12}<\/code> \| .* \| the cache \| mounted by /m);
  expect(summary).toContain("| image store | nothing | No new images: nothing to save |");
  expect(summary).toMatch(/^\| The whole job \| \d+\.\d s \| \d+\.\d s \| -?\d+\.\d s \|$/m);
  expect(summary).toMatch(/^\| Nix and podman's store paths \| \d+\.\d s \| \d+\.\d s \| -?\d+\.\d s \|$/m);
  expect(summary).toMatch(
    /^\| <code>[^|]*busybox:latest<\/code> \| <code>[0-9a-f]{12}<\/code> \| 2\.5 MB \|$/m,
  );
  expect(summary).not.toMatch(/^ {4}Nix /m);
});

test("its log ends with what there is, and has neither the library's lines nor anything outside of a group", () => {
  const { log } = warm.step("podman");
  expect(log).toMatch(/^##\[group\]Ready: podman 5\.4\.2, .*, cache hit, .* in 1 segment$/m);
  const lines = log.split("\n").filter((line) => line !== "" && !line.startsWith("##[debug]"));
  expect(lines.filter((line) => /^(Cache hit|Cache Size|Lookup only|\[command\])/.test(line))).toEqual([]);
  let open = false;
  const outside = lines.filter((line) => {
    if (/^##\[(end)?group\]/.test(line)) {
      open = line.startsWith("##[group]");
      return false;
    }
    return !open;
  });
  expect(outside.filter((line) => !/^\w+: \d+\.\d s$/.test(line))).toEqual([]);
});

test("with debug logging each program leaves its arguments and its time", () => {
  const { log } = warm.step("podman");
  const started = [...log.matchAll(/^##\[debug\]\[(\d+)\] run \S+/gm)].map(([, number]) => number);
  const ended = [...log.matchAll(/^##\[debug\]\[(\d+)\] exit code \d+ after \d+\.\d{3} s$/gm)].map(
    ([, number]) => number,
  );
  expect(started.length).toBeGreaterThan(10);
  expect([...ended].sort()).toEqual([...started].sort());
});

test("a failure is one annotation with its stage, and a summary with doctor's verdict, once", () => {
  const { outcome, annotations, summary } = failed.step("podman");
  expect(outcome).toBe("failure");
  expect(annotations.filter(({ level }) => level === "error")).toMatchObject([
    {
      properties: { title: "podman-rootless: Runner" },
      message: expect.stringContaining("Run beforehand: sudo"),
    },
  ]);
  expect(summary).toMatch(
    /^## podman-rootless: podman: failed\n\n> \*\*Error:\*\* runner has no range of 65536/,
  );
  expect(summary).toMatch(/^\*\*podman cannot work here: runner has no range/m);
  expect(summary).toMatch(/^\| \*\*FAILED\*\* \| subordinate ids \|/m);
  expect(failed.post("podman").summary).toBe("");
});
