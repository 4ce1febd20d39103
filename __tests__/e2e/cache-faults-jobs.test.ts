// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import type { Step } from "../support/runner/workflow.ts";
import {
  cacheJob,
  expectGreen,
  forget,
  podman,
  segmentFiles,
  warnings,
  wasWarm,
  work,
} from "../support/world/cache-job.ts";
import { openWorld, type World } from "../support/world/world.ts";

jest.setTimeout(300_000);

let world: World;
let one: Machine;
let two: Machine;
beforeAll(async () => {
  world = await openWorld();
  [one, two] = await Promise.all([world.machine("one"), world.machine("two")]);
}, 900_000);
afterAll(() => world.close());
// A store that was cached by another name would not be saved by this one.
beforeEach(() => Promise.all([forget(one), forget(two)]));
afterEach(() => {
  world.cache.fault = undefined;
});

let run = 0;
const job = (
  machine: Machine,
  name: string,
  steps: Step[],
  options: { inputs?: Record<string, string>; onLine?: (line: string, phase: "main" | "post") => void } = {},
) => {
  run += 1;
  return cacheJob(world, machine, steps, {
    run,
    ...options,
    inputs: { "cache-key": name, ...options.inputs },
  });
};
const keys = (name: string) =>
  world.cache
    .entries()
    .filter(({ key, state }) => state === "ready" && key.includes(`-${name}+`))
    .map(({ key }) => key);

async function expectWarm(name: string, machine: Machine, text?: string): Promise<void> {
  await forget(machine);
  const next = await job(machine, name, [work(world, text)]);
  expectGreen(next, world);
  expect({ warm: wasWarm(next), warnings: warnings(next) }).toEqual({ warm: true, warnings: [] });
}

/** Kills, without a word, the process whose arguments have these words in them; waits until there is one. */
function killer(machine: Machine, ...words: string[]): { stop(): void; killed: number } {
  const state = { killed: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    for (const { hostPid, command } of machine.processes()) {
      if (state.killed > 0 || !words.every((word) => command.join(" ").includes(word))) continue;
      process.kill(hostPid, "SIGKILL");
      state.killed += 1;
    }
  }, 5);
  return state;
}

test("two jobs save the same at once, and then grow it differently", async () => {
  // Both are at the upload before one of them has it.
  world.cache.fault = ({ kind }) => (kind === "putBlob" ? { delay: 5_000 } : undefined);
  // The image is of next year: the clocks of machines are not to be relied on.
  const base = { ...work(world), run: work(world).run.replace("build ", `build --timestamp ${4e9} `) };
  const both = await Promise.all([job(one, "both", [base]), job(two, "both", [base])]);
  for (const result of both) {
    expectGreen(result, world);
    expect(warnings(result)).toEqual([]);
  }
  world.cache.fault = undefined;
  expect(keys("both").length).toBeGreaterThanOrEqual(1);

  await Promise.all([forget(one), forget(two)]);
  const grown = await Promise.all([
    job(one, "both", [work(world, "left")]),
    job(two, "both", [work(world, "right")]),
  ]);
  for (const result of grown) {
    expectGreen(result, world);
    expect(warnings(result)).toEqual([]);
  }
  const newest = keys("both").at(-1);
  await forget(one);
  const next = await job(one, "both", [work(world, "left")]);
  expectGreen(next, world);
  expect(next.step("podman").outputs["cache-matched-key"]).toBe(newest);
});

test("mksquashfs is killed, then the post step while it uploads, then the step while it fetches", async () => {
  const packing = killer(one, "mksquashfs", ".squashfs");
  const packed = await job(one, "killed", [work(world)]);
  packing.stop();
  expect(packing.killed).toBe(1);
  expectGreen(packed, world);
  expect(warnings(packed)).toEqual([expect.stringMatching(/^The image store is not saved: /)]);
  expect(keys("killed")).toEqual([]);

  world.cache.fault = ({ kind }) => {
    if (kind !== "putBlob") return undefined;
    for (const { hostPid, name, command } of one.processes())
      if (name.startsWith("node") || /bin\/node$/.test(command[0] ?? "")) process.kill(hostPid, "SIGKILL");
    return { hang: true };
  };
  await forget(one);
  const uploading = await job(one, "killed", [work(world, "two")]);
  expect(uploading.post("podman").outcome).toBe("failure");
  world.cache.fault = undefined;

  // On the same machine, with the store that is there, and with the environment that nobody ended.
  const after = await job(one, "killed", [work(world, "three")]);
  expectGreen(after, world);
  expect(keys("killed")).toHaveLength(1);
  await expectWarm("killed", two, "three");

  world.cache.fault = ({ kind }) => {
    if (kind !== "getBlob") return undefined;
    for (const { hostPid, command } of one.processes())
      if (/bin\/node$/.test(command[0] ?? "")) process.kill(hostPid, "SIGKILL");
    return { hang: true };
  };
  await forget(one);
  const fetching = await job(one, "killed", []);
  expect(fetching.step("podman").outcome).toBe("failure");
  world.cache.fault = undefined;
  await expectWarm("killed", one, "three");
});

test("images are removed and the store is reset under mounted segments, with containers running to the end", async () => {
  expectGreen(await job(one, "reset", [work(world)]), world);
  await forget(one);
  const steps: Step[] = [
    { id: "run", run: `${podman} run --detach --name runs localhost/one sleep 1000` },
    { id: "rmi", run: `${podman} rmi localhost/one && exit 1 || true` },
    { id: "prune", run: `${podman} system prune --all --force` },
    { id: "still", run: `${podman} run --rm localhost/one cat /one` },
  ];
  const pruned = await job(one, "reset", steps);
  expectGreen(pruned, world);
  await forget(one);
  const reset = await job(one, "reset", [
    { id: "reset", run: `${podman} system reset --force` },
    { ...work(world, "anew") },
  ]);
  expectGreen(reset, world);
  await expectWarm("reset", two, "anew");
});

test("the disk is full: while a segment is fetched, unpacked, and packed", async () => {
  expectGreen(await job(one, "full", [work(world)]), world);
  const small = { "storage-root": "/home/runner/small/store" };
  const mount = (size: string) =>
    one.exec(
      [
        "sh",
        "-c",
        `umount -l /home/runner/small 2>/dev/null; mkdir -p /home/runner/small && mount -t tmpfs -o size=${size},uid=1001,gid=1001 tmpfs /home/runner/small`,
      ],
      { user: "root" },
    );
  for (const inputs of [small, { ...small, "cache-restore": "unpack" }]) {
    await mount("1100k");
    const result = await job(one, "full", [], { inputs });
    expectGreen(result, world);
    expect(warnings(result).join("\n")).toMatch(/No space left|ENOSPC|are free/i);
    expect(await segmentFiles(one)).toEqual([]);
  }
  await one.exec(["umount", "-l", "/home/runner/small"], { user: "root" });

  // From here on RUNNER_TEMP has next to no room.
  const fill: Step = {
    id: "fill",
    run: `sudo sh -c 'mkdir /mnt/temp && mount -t tmpfs -o size=24m,mode=777 tmpfs /mnt/temp && cp -a "$0"/. /mnt/temp && head -c 24m /dev/zero >/mnt/temp/full; mount --move /mnt/temp "$0"' "$RUNNER_TEMP" || sudo mount --bind /mnt/temp "$RUNNER_TEMP"`,
  };
  await forget(one);
  const packed = await job(one, "full", [work(world, "more"), fill]);
  await one.exec(["umount", "-l", "/home/runner/work/_temp"], { user: "root" });
  expectGreen(packed, world);
  expect(warnings(packed)).toEqual([expect.stringMatching(/^The image store is not saved: /)]);
  await expectWarm("full", two);
});
