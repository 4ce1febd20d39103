// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { freePort } from "../support/free-port.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { localImages, mainJob, writeWorkspace } from "../support/world/main-job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

const podman = "${{ steps.podman.outputs.podman }}";
/** Steps that did not pass, with what they said. */
const failures = ({ steps }: JobResult) =>
  steps.filter(({ outcome }) => outcome !== "success").map(({ name, log }) => ({ name, log }));
const uploads = (world: World) => world.cache.requests.filter(({ kind }) => kind.startsWith("put"));

let world: World;
let machine: Machine;
beforeAll(async () => {
  world = await openWorld();
  writeWorkspace(world.path("workspace"), localImages(world.registry.host));
}, 900_000);
afterAll(() => world.close());

/** The main job and further steps on a machine of its own, as every job of a hosted runner has. */
async function job(name: string, further: Step[] = []): Promise<JobResult> {
  machine = await world.machine(name);
  try {
    const steps = mainJob(localImages(world.registry.host), await freePort(), world.inputs);
    return await runJob(machine, {
      action: { path: actionPath },
      workspace: world.path("workspace"),
      env: world.cache.environment(),
      steps: [...steps, ...further],
    });
  } finally {
    await machine.stop();
  }
}

const changes: Step = {
  id: "change",
  run: `printf 'FROM localhost/demo\\nUSER 0\\nRUN echo more >/more && rm /srv/app/control\\n' >Containerfile
${podman} build --tag localhost/more .`,
};
const seesChanges: Step = {
  id: "sees",
  run: `${podman} run --rm localhost/more sh -c 'cat /more; ls /srv/app; stat -c %u:%g:%a /srv/app/owned; id -u'`,
};

describe("the main job, four times over", () => {
  let cold: JobResult;
  let warm: JobResult;
  let changed: JobResult;
  let third: JobResult;
  beforeAll(async () => {
    cold = await job("cold");
    world.cache.requests.length = 0;
    warm = await job("warm");
    changed = await job("changed", [changes]);
    third = await job("third", [seesChanges]);
  }, 900_000);

  test("cold: every step passes and the store is saved", () => {
    expect(failures(cold)).toEqual([]);
    expect(cold.step("podman").outputs).toMatchObject({
      podman: expect.stringMatching(/^\/home\/runner\/work\/_temp\/.*\/bin\/podman$/),
      "podman-version": expect.stringMatching(/^5\.4\./),
      "storage-driver": "fuse-overlayfs",
      "storage-root": expect.stringMatching(/^\/home\/runner\/.*\/storage$/),
      "cache-hit": "false",
      "cache-key": "podman-rootless-store-v1-x86_64-linux-podman5.4-overlay-default+",
      "cache-matched-key": "",
      "cache-size": "0",
      "flake-rev": expect.stringMatching(/^sha256-/),
    });
    expect(cold.step("run").log).toContain("python 3");
    expect(cold.post("podman").log).toMatch(
      /Saved podman-rootless-store-v1-x86_64-linux-podman5\.4-overlay-default\+1-/,
    );
  });

  test("a container sees the whole id map", () => {
    expect(
      cold
        .step("map")
        .log.trim()
        .split("\n")
        .map((line) => line.trim().split(/\s+/).join(" ")),
    ).toEqual(["0 1001 1", "1 100000 65536"]);
  });

  test("a build keeps owners and capabilities, and a bind mount gives files to the caller", () => {
    expect(cold.step("build").log).toMatch(/uid=4321\(app\).*\n-rw-r----- 1 4321 4321 /s);
    expect(cold.step("build").log).toContain("0100000200040000000000000000000000000000");
    expect(cold.step("mount").log).toMatch(/uid=0\(root\)[\s\S]*runner made\.txt/);
    expect(cold.step("port").log).toContain("hello");
  });

  test("warm: the store is mounted, nothing is pulled, built or uploaded", () => {
    expect(failures(warm)).toEqual([]);
    expect(warm.step("podman").outputs).toMatchObject({
      "cache-hit": "true",
      "cache-matched-key": expect.stringMatching(/-default\+1-[0-9a-f]{12}$/),
      "cache-size": expect.stringMatching(/^3\d{8}$/),
    });
    expect(warm.step("podman").log).toMatch(/Segment [0-9a-f]{12} is mounted by the kernel, idmapped/);
    expect(warm.step("run").log.trim()).toBe("python 3");
    expect(warm.step("build").log.match(/--> Using cache/g)).toHaveLength(6);
    expect(warm.step("build").log).toContain("0100000200040000000000000000000000000000");
    expect(warm.post("podman").log).toContain("No new images: nothing to save");
    const log = warm.steps.map((step) => step.log).join("\n");
    expect(log).not.toMatch(/Trying to pull|Copying blob/);
  });

  test("a change is saved alone, on top", () => {
    expect(failures(changed)).toEqual([]);
    const sizes = uploads(world).map(({ bytes }) => bytes);
    expect(Math.max(...sizes)).toBeLessThan(1_000_000);
    expect(changed.post("podman").log).toMatch(/Packed 2 images and 1 layers/);
    expect(changed.post("podman").log).toMatch(/Saved .*-default\+2-[0-9a-f]{12}\.[0-9a-f]{12}/);
  });

  test("the job after has both", () => {
    expect(failures(third)).toEqual([]);
    expect(third.step("podman").log).toContain(" in 2 segments");
    expect(third.step("sees").log.trim().split("\n")).toEqual([
      "more",
      "dpkg",
      "owned",
      "4321:4321:640",
      "0",
    ]);
    expect(third.post("podman").log).toContain("No new images: nothing to save");
  });

  test("nothing is left running", () => {
    for (const result of [cold, warm, changed, third]) {
      expect(result).toMatchObject({ killed: [], survivors: [] });
    }
  });
});
