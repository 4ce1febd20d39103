// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

const podman = "${{ steps.podman.outputs.podman }}";

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 900_000);
afterAll(() => world.close());

const busybox = () => `${world.registry.host}/${IMAGES.busybox}`;
const pull = (): Step => ({ id: "pull", run: `${podman} pull --quiet --tls-verify=false ${busybox()}` });
const run = (): Step => ({ id: "run", run: `${podman} run --rm ${busybox()} echo works` });

/** Later steps have the Nix that the action installed. */
const nixBuild = (): Step => ({
  id: "nix",
  run: `nix build --print-out-paths --no-link --option sandbox false --expr 'derivation { name = "built"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo built >$out" ]; }'`,
});

function job(machine: Machine, steps: Step[], inputs: Record<string, string> = {}): Promise<JobResult> {
  return runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    steps: [{ id: "podman", uses: true, with: { ...world.inputs, ...inputs } }, ...steps],
  });
}

test("without sudo: segments come by squashfuse, and what sudo would do is asked for", async () => {
  const inputs = { "cache-key": "no-sudo" };
  const first = await world.machine("no-sudo-1");
  expect((await job(first, [pull(), run()], inputs)).outcome).toBe("success");

  const second = await world.machine("no-sudo-2");
  const root = { user: "root" };
  await second.exec(["rm", "/etc/sudoers.d/runner"], root);
  const idless = await job(second, [run()], inputs);
  expect(idless.step("podman").annotations.map(({ message }) => message)).toEqual([
    "runner has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid, and sudo asks for a password. Run beforehand: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner.",
  ]);

  await second.exec(
    ["usermod", "--add-subuids", "100000-165535", "--add-subgids", "100000-165535", "runner"],
    root,
  );
  const atHome = await job(second, [run(), nixBuild()], inputs);
  expect(atHome.step("podman").log).toMatch(/Segment [0-9a-f]{12} is mounted by squashfuse/);
  expect(atHome.step("run").log.trim()).toBe("works");
  expect(atHome.step("nix").log).toMatch(/^\/nix\/store\/[0-9a-z]{32}-built$/m);
  expect(atHome).toMatchObject({ outcome: "success", killed: [], survivors: [] });
  // A later job finds what is there, and the machine has no /nix still.
  const again = await job(second, [run()], inputs);
  expect(again.step("podman").log).not.toContain("Installed Nix");
  expect(again.step("run").log.trim()).toBe("works");
  expect((await second.exec(["ls", "-d", "/nix"])).code).not.toBe(0);

  await second.exec(["install", "-d", "-o", "runner", "/nix"], root);
  const result = await job(second, [run()], inputs);
  expect(result.step("podman").log).toMatch(/Segment [0-9a-f]{12} is mounted by squashfuse/);
  expect(result.step("podman").outputs["cache-hit"]).toBe("true");
  expect(result.step("run").log.trim()).toBe("works");
  expect(result).toMatchObject({ outcome: "success", killed: [], survivors: [] });
}, 300_000);

test("a machine that outlives the job: the store stays whole, with the segments it stands on", async () => {
  const inputs = { "cache-key": "kept" };
  expect((await job(await world.machine("kept-1"), [pull()], inputs)).outcome).toBe("success");
  const machine = await world.machine("kept-2");
  const build: Step = {
    id: "build",
    run: `printf 'FROM ${busybox()}\\nRUN echo built >/built\\n' >Containerfile && ${podman} build --tag localhost/built .`,
  };
  const second = await job(machine, [build], inputs);
  expect(second.post("podman").log).toMatch(/Saved .*-kept\+2-/);

  const third = await job(
    machine,
    [{ id: "cat", run: `${podman} run --rm localhost/built cat /built` }],
    inputs,
  );
  expect(third.step("cat").log.trim()).toBe("built");
  expect(third.step("podman").log).toContain("it stays as it is");
  expect(third.post("podman").log).toMatch(/The cache has .*-kept\+2-.* already: nothing to save/);
  expect(third.outcome).toBe("success");
}, 300_000);

test("used twice in a job: one environment, and the first step's post ends it", async () => {
  const machine = await world.machine("twice");
  const again: Step = { id: "again", uses: true, with: world.inputs };
  const result = await job(machine, [again, pull(), run()]);
  expect(result.outcome).toBe("success");
  expect(result.step("again").outputs.podman).toBe(result.step("podman").outputs.podman);
  expect(result).toMatchObject({ killed: [], survivors: [] });
}, 300_000);

test("storage drivers and places", async () => {
  const machine = await world.machine("drivers");
  const driver: Step = {
    id: "driver",
    run: `${podman} info --format '{{.Store.GraphDriverName}} {{.Store.GraphRoot}}'`,
  };
  const overlay = await job(machine, [driver, pull(), run()], {
    "storage-driver": "overlay",
    "storage-root": "/var/tmp/with space/store",
  });
  expect(overlay.step("driver").log.trim()).toBe("overlay /var/tmp/with space/store");
  expect(overlay.outcome).toBe("success");
  const vfs = await job(machine, [driver, pull(), run()], { "storage-driver": "vfs" });
  expect(vfs.step("driver").log).toMatch(/^vfs \/home\/runner\//);
  expect(vfs.step("podman").annotations.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^The image store is not cached: the vfs driver/),
  ]);
  expect(vfs.outcome).toBe("success");
}, 300_000);

test("cache: false leaves the cache alone", async () => {
  world.cache.requests.length = 0;
  const result = await job(await world.machine("no-cache"), [pull(), run()], { cache: "false" });
  expect(result.outcome).toBe("success");
  expect(world.cache.requests).toEqual([]);
}, 300_000);
