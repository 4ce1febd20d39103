import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import type { JobResult } from "../support/runner/job.ts";
import {
  build,
  type ClosureJobOptions,
  closureJob,
  closureRequests,
  collect,
  machineWithNix,
  mounts,
  nixCommands,
  withoutServer,
} from "../support/world/closure-job.ts";
import { failures, runStep } from "../support/world/flakes-job.ts";
import { openWorld, type World } from "../support/world/world.ts";

jest.setTimeout(300_000);

const ran = "works as 0 on 13";

let world: World;
let cold: JobResult;
/** Store path of the FHS root, as the cold job built it. */
let rootfs: string;
beforeAll(async () => {
  world = await openWorld();
  cold = await on("cold", (machine) => closureJob(world, machine));
  rootfs = /Rootfs (\/nix\/store\/\S+?),? /.exec(cold.step("podman").log)?.[1] ?? "";
}, 900_000);
afterAll(() => world.close());

/** A job, or several, on a machine of its own with a /nix. */
async function on<T>(name: string, work: (machine: Machine) => Promise<T>): Promise<T> {
  const machine = await machineWithNix(world, name);
  try {
    return await work(machine);
  } finally {
    await machine.stop();
  }
}

/** With nowhere to have Nix from, a job that the cache does not help fails. */
const warmJob = (machine: Machine, options: ClosureJobOptions = {}) =>
  closureJob(world, machine, { ...options, inputs: { ...withoutServer, ...options.inputs } });

const keyOf = ({ log }: { log: string }) => /Saved (podman-rootless-closure-\S+)/.exec(log)?.[1];

test("cold: what Nix has built is saved", () => {
  expect(failures(cold)).toEqual([]);
  expect(keyOf(cold.post("podman"))).toMatch(
    /^podman-rootless-closure-v1-x86_64-linux-squashfs-[0-9a-f]{32}$/,
  );
  expect(rootfs).not.toBe("");
});

describe("warm, mounted", () => {
  let warm: JobResult;
  let requests: string[];
  beforeAll(async () => {
    world.cache.requests.length = 0;
    const steps = [mounts, build(rootfs), collect(rootfs), runStep(world)];
    warm = await on("warm", (machine) => warmJob(machine, { steps }));
    requests = closureRequests(world);
  });

  test("podman runs, and Nix does nothing but register", () => {
    expect(failures(warm)).toEqual([]);
    expect(nixCommands(warm.step("podman").log)).toEqual(["nix-store --load-db"]);
    expect(warm.step("podman").annotations).toEqual([]);
    const outputs = ["flake-url", "flake-rev", "nix-version", "podman-version"] as const;
    for (const name of outputs) {
      expect([name, warm.step("podman").outputs[name]]).toEqual([name, cold.step("podman").outputs[name]]);
    }
  });

  test("the archive is below /nix/store, and what is mounted cannot raise privileges", () => {
    const lines = warm.step("mounts").log.trim().split("\n").sort();
    expect(lines).toEqual([
      expect.stringMatching(/^\/nix\/store overlay rw,nosuid,nodev,/),
      expect.stringMatching(/^\/nix\/var\/podman-rootless\/[0-9a-f]{32}\/archive squashfs ro,nosuid,nodev,/),
    ]);
  });

  test("later steps build on top of it", () => {
    expect(warm.step("build").log).toContain(rootfs);
    expect(warm.step("build").log).toContain(`references: ${rootfs}`);
  });

  test("garbage collection leaves it alone, and removes what is garbage", () => {
    expect(warm.step("collect").log).toContain("removed: /nix/store/");
    expect(warm.step("collect").log).toMatch(/^verified$/m);
    expect(warm.step("run").log).toContain(ran);
  });

  test("nothing is saved again", () => {
    expect(requests).toEqual(["lookup", "getBlob"]);
  });
});

describe("warm, unpacked where nothing can be laid over /nix/store", () => {
  test("podman runs, and later steps build on top of it", async () => {
    const machine = await world.machine("unpacked", { subordinateIds: "runner:100000:65536" });
    const result = await warmJob(machine, {
      steps: [mounts, build(rootfs), collect(rootfs), runStep(world)],
    });
    await machine.stop();
    expect(failures(result)).toEqual([]);
    expect(result.step("podman").log).toContain("They are copied, as nothing can be laid over them here:");
    expect(nixCommands(result.step("podman").log)).toEqual(["nix-store --load-db"]);
    expect(result.step("mounts").log.trim()).toBe("");
    expect(result.step("build").log).toContain(`references: ${rootfs}`);
    expect(result.step("collect").log).toMatch(/^verified$/m);
    expect(result.step("run").log).toContain(ran);
  });
});
