import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import type { JobResult } from "../support/runner/job.ts";
import { closureJob, machineWithNix, nixCommands } from "../support/world/closure-job.ts";
import { openWorld, type World } from "../support/world/world.ts";

jest.setTimeout(300_000);

let world: World;
let cold: JobResult;
beforeAll(async () => {
  world = await openWorld();
  cold = await on("cold", (machine) => closureJob(world, machine));
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

const keyOf = ({ log }: { log: string }) => /Saved (podman-rootless-closure-\S+)/.exec(log)?.[1];

test("cold: what Nix has built is saved", () => {
  expect(cold.steps.filter(({ outcome }) => outcome !== "success").map(({ log }) => log)).toEqual([]);
  expect(keyOf(cold.post("podman"))).toMatch(
    /^podman-rootless-closure-v1-x86_64-linux-squashfs-[0-9a-f]{32}$/,
  );
});

describe("warm", () => {
  let warm: JobResult;
  beforeAll(async () => {
    warm = await on("warm", (machine) => closureJob(world, machine));
  });

  test("podman runs, and Nix does nothing but register", () => {
    expect(warm.steps.filter(({ outcome }) => outcome !== "success").map(({ log }) => log)).toEqual([]);
    expect(nixCommands(warm.step("podman").log)).toEqual(["nix-store --load-db"]);
  });
});
