// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Release } from "../support/assets/debian-root.ts";
import { IMAGES } from "../support/assets/images.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { flakeAt, flakesMachine } from "../support/world/flakes.ts";
import { failures, runStep } from "../support/world/flakes-job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

/** Pinned flakes of unlike shapes and releases of podman, as a matrix has them; the ids of their steps are the releases. */
const matrix = [
  { release: "bookworm", shape: "flat-bin", version: "4.3.1", way: "unpacked" },
  { release: "trixie", shape: "launcher", version: "5.4.2", way: "mounted" },
  { release: "forky", shape: "overlay", version: "5.8.6", way: "mounted" },
] as const;
const releases = matrix.map(({ release }) => release);

let world: World;
beforeAll(async () => {
  world = await openWorld({ online: true }); // its parts are this test's own
}, 900_000);
afterAll(() => world.close());

async function start(name: string): Promise<Machine> {
  const parts = await flakesMachine("trixie", releases);
  const machine = await world.machine(name, { ...parts, subordinateIds: "runner:100000:65536" });
  await parts.prepare(machine);
  return machine;
}

const use = (release: Release, shape: string, inputs: Record<string, string> = {}): Step => ({
  id: release,
  uses: true,
  with: { flake: `path:${flakeAt(release, shape)}`, ...inputs },
});

const podman = (id: string) => `\${{ steps.${id}.outputs.podman }}`;
/** An image of its own in each store, of the same name. */
const build = (id: string): Step => ({
  id: `build-${id}`,
  run: `printf 'FROM ${world.registry.host}/${IMAGES.busybox}\\nRUN echo ${id} >/made-by\\n' >Containerfile
${podman(id)} build --tag localhost/made . 2>&1
${podman(id)} run --quiet --detach --stop-signal KILL --name twin localhost/made sleep 1000 >/dev/null`,
});
const look = (id: string): Step => ({
  id: `look-${id}`,
  run: `${podman(id)} exec twin cat /made-by; ${podman(id)} --version; ${podman(id)} ps --noheading | wc -l`,
});

const all = (steps: Step[], machine: Machine, run: number): Promise<JobResult> =>
  runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    github: { run_id: `${run}` },
    steps,
  });

describe("one job, the action used for each after another", () => {
  let cold: JobResult;
  let warm: JobResult;
  beforeAll(async () => {
    const steps = [
      ...matrix.map(({ release, shape }) => use(release, shape)),
      ...releases.map((release) => runStep(world, release, `run-${release}`)),
      ...releases.map(build),
      ...releases.map(look),
    ];
    const first = await start("cold");
    cold = await all(steps, first, 1);
    await first.stop();
    warm = await all(steps, await start("warm"), 2);
  }, 900_000);

  test.each(matrix)("podman $version, as $shape, is its own", ({ release, version }) => {
    expect(failures(cold)).toEqual([]);
    expect(cold.step(release).outputs["podman-version"]).toBe(version);
    expect(cold.step(`run-${release}`).log).toContain("works as 0 on 13");
    expect(cold.step(`look-${release}`).log).toBe(`${release}\npodman version ${version}\n1\n`);
  });

  test("each has an environment, a store and a cache scope of its own", () => {
    for (const output of ["podman", "storage-root", "cache-key", "flake-url"])
      expect(new Set(releases.map((release) => cold.step(release).outputs[output])).size).toBe(3);
    for (const { release, version } of matrix) {
      const short = version.split(".").slice(0, 2).join(".");
      expect(cold.step(release).outputs["cache-key"]).toContain(`-podman${short}-`);
      expect(cold.post(release).log).toMatch(new RegExp(`Saved \\S*-podman${short}-`));
    }
  });

  test.each(matrix)("the next job has the store of podman $version back, $way", ({ release, way }) => {
    expect(failures(warm)).toEqual([]);
    expect(warm.step(release).outputs["cache-hit"]).toBe("true");
    expect(warm.step(`build-${release}`).log).toContain("Using cache");
    expect(warm.step(`look-${release}`).log).toBe(cold.step(`look-${release}`).log);
    const unpacked =
      /Segments are unpacked, not mounted: podman 4\.3\.1 cannot build on read-only image stores/;
    if (way === "unpacked") expect(warm.step(release).log).toMatch(unpacked);
    else expect(warm.step(release).log).toMatch(/Segment [0-9a-f]{12} is mounted/);
  });

  test("nothing is left running", () => {
    for (const result of [cold, warm]) expect(result).toMatchObject({ killed: [], survivors: [] });
  });
});

test("parallel jobs on one machine, of a runner each", async () => {
  const machine = await start("parallel");
  const results = await Promise.all(
    matrix.map(({ release, shape }) =>
      runJob(machine, {
        action: { path: actionPath },
        work: `/home/runner/work-${release}`,
        steps: [
          use(release, shape, { cache: "false", "cache-nix": "false", keep: "true" }),
          runStep(world, release, `run-${release}`),
          build(release),
          look(release),
        ],
      }),
    ),
  );
  for (const [index, { release, version }] of matrix.entries()) {
    const result = results[index] as JobResult;
    expect(failures(result)).toEqual([]);
    expect(result.step(`look-${release}`).log).toBe(`${release}\npodman version ${version}\n1\n`);
    expect(result.killed).toEqual([]);
  }
  expect(machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);

  // Another job of the same matrix on that machine: nothing is evaluated again.
  const [{ release, shape }] = matrix;
  const again = await runJob(machine, {
    action: { path: actionPath },
    work: `/home/runner/work-${release}`,
    steps: [use(release, shape, { cache: "false", "cache-nix": "false", keep: "true" }), look(release)],
  });
  expect(again.step(release).log).toMatch(/\nRootfs .*, as built before\n/);
  expect(again.step(release).log).not.toMatch(/will be built/);
}, 600_000);
