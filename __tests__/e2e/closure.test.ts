import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import { difference, takeSnapshot } from "../support/machine/snapshot.ts";
import type { JobResult } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { changeFile, changeSegment } from "../support/world/cache-entry.ts";
import {
  branch,
  build,
  type ClosureJobOptions,
  closureJob,
  closureRequests,
  collect,
  machineWithNix,
  makeBranch,
  mounts,
  nixCommands,
  withoutServer,
} from "../support/world/closure-job.ts";
import { failures, runStep } from "../support/world/flakes-job.ts";
import { openWorld, type World } from "../support/world/world.ts";

jest.setTimeout(300_000);

const listing = "find /nix -printf '%p %y %m %U:%G %s %T@ %l\\n' | sort";
const ran = "works as 0 on 13";

let world: World;
let cold: JobResult;
/** Store path of the FHS root, as the cold job built it. */
let rootfs: string;
beforeAll(async () => {
  world = await openWorld();
  cold = await on("cold", (machine) =>
    closureJob(world, machine, { steps: [{ id: "nix", run: `dirname "$(command -v nix)"` }] }),
  );
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

describe("on a self-hosted runner", () => {
  let first: JobResult;
  let second: JobResult;
  let requests: string[];
  beforeAll(async () => {
    const records = { id: "records", run: "cat ~/.local/share/podman-rootless/roots/*.json" };
    const job = () =>
      on("self-hosted", (machine) =>
        warmJob(machine, { selfHosted: true, steps: [records, mounts, collect(rootfs), runStep(world)] }),
      );
    first = await job();
    world.cache.requests.length = 0;
    second = await job();
    requests = closureRequests(world);
  });

  test("the store paths are the machine's from then on", () => {
    expect(failures(first)).toEqual([]);
    expect(first.step("podman").log).toMatch(/(\d+) of \1 store paths were missing and are in \/nix\/store/);
    expect(first.step("records").log).toContain(`"path":"${rootfs}"`);
    expect(first.step("mounts").log.trim()).toBe("");
    expect(first.step("run").log).toContain(ran);
  });

  test("the next job needs neither the cache nor Nix", () => {
    expect(failures(second)).toEqual([]);
    expect(second.step("podman").log).toContain(
      "The environment is in the store already, of an earlier job on this machine",
    );
    expect(nixCommands(second.step("podman").log)).toEqual([]);
    expect(requests).toEqual([]);
    expect(second.step("collect").log).toMatch(/^verified$/m);
    expect(second.step("run").log).toContain(ran);
  });
});

describe("a /nix of root's, with a Nix", () => {
  const owner = (uid: number) =>
    execFileSync("chown", ["--no-dereference", "--recursive", `${uid}:${uid}`, world.path("nix", "cold")]);
  let saved: JobResult;
  let warm: JobResult;
  let before: string;
  let after: string;
  beforeAll(async () => {
    // As if it had been there before: what the cold job has left.
    const job = (steps: Step[] = []) =>
      on("cold", async (machine) => {
        const list = async () => (await machine.exec(["sh", "-c", listing], { user: "root" })).stdout;
        await machine.exec(["ln", "-sfn", dirname(cold.step("nix").log.trim()), "/home/runner/.nix-profile"]);
        before = await list();
        const result = await warmJob(machine, { steps });
        after = await list();
        return result;
      });
    saved = await job();
    execFileSync("rm", ["-rf", world.path("nix", "cold", "store", basename(rootfs))]);
    owner(0);
    warm = await job([mounts, runStep(world)]);
  });

  test("a job that may write to it saves what is not Nix", () => {
    expect(failures(saved)).toEqual([]);
    expect(keyOf(saved.post("podman"))).toMatch(/^podman-rootless-closure-/);
    expect(keyOf(saved.post("podman"))).not.toBe(keyOf(cold.post("podman")));
  });

  test("stays as it is, and podman runs", () => {
    expect(failures(warm)).toEqual([]);
    expect(warm.step("podman").log).toContain("/nix stays as it is: the environment has ");
    expect(warm.step("mounts").log.trim()).toBe("");
    expect(warm.step("run").log).toContain(ran);
    expect(before).not.toContain(`${rootfs} d`);
    expect(after).toBe(before);
  });
});

describe("a broken entry", () => {
  const key = () => keyOf(cold.post("podman")) ?? "";
  let whole: Buffer;
  beforeAll(() => {
    whole = readFileSync(world.cache.archive(key()));
  });
  afterEach(() => writeFileSync(world.cache.archive(key()), whole));

  const record = (change: (text: string) => string) => () =>
    changeFile(world.cache, key(), ".json", (file) => Buffer.from(change(file.toString())));
  test.each([
    [
      "whose archive is cut off",
      () => changeSegment(world.cache, key(), (all) => all.subarray(0, all.length / 2)),
      /.+/,
    ],
    [
      "whose record is of another path",
      record((text) => text.replaceAll(basename(rootfs), `${"0".repeat(32)}-other`)),
      /its archive lacks 0{32}-other/,
    ],
    ["whose record is cut off", record((text) => text.slice(0, text.length / 2)), /its record is no JSON/],
  ])("%s: a warning, and Nix builds", async (name, spoil, reason) => {
    spoil();
    const result = await on(name, (machine) =>
      closureJob(world, machine, { steps: [mounts, runStep(world)] }),
    );
    expect(failures(result)).toEqual([]);
    expect(result.step("podman").annotations.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^warning: The environment's store paths cannot be brought back: ${reason.source}; Nix builds or fetches them$`,
        ),
      ),
    ]);
    expect(result.step("mounts").log.trim()).toBe("");
    expect(result.step("run").log).toContain(ran);
  });
});

test("keep: false: nothing is left of the mounts", async () => {
  const archive: Step = {
    id: "archive",
    run: "sudo losetup --list --noheadings --raw --output BACK-INO $(findmnt --noheadings --output SOURCE --types squashfs)",
  };
  await on("keep-false", async (machine) => {
    const before = await takeSnapshot(machine);
    const result = await warmJob(machine, {
      inputs: { keep: "false" },
      steps: [mounts, archive, runStep(world)],
    });
    expect(failures(result)).toEqual([]);
    expect(result.step("mounts").log).toContain("/nix/store overlay ");
    const changes = difference(before, await takeSnapshot(machine));
    expect(changes.filter((line) => /^. (mount|file \/nix)/.test(line))).toEqual([]);
    // The kernel lets go of a device a moment later.
    const inode = result.step("archive").log.trim();
    expect(inode).toMatch(/^\d+$/);
    const script = `i=0; while losetup --list --noheadings --raw --output BACK-INO | grep -qx ${inode}; do
      [ $((i += 1)) -lt 100 ]; sleep 0.1
    done`;
    expect((await machine.exec(["sh", "-euc", script], { user: "root" })).code).toBe(0);
  });
});

describe("two uses in a job, of which Nix alone can tell what the second is", () => {
  let first: JobResult;
  let second: JobResult;
  let requests: string[];
  beforeAll(async () => {
    const steps: Step[] = [
      { id: "branch", uses: true, with: { ...world.inputs, ...withoutServer, flake: branch } },
      mounts,
      runStep(world),
      runStep(world, "branch", "run-branch"),
    ];
    const job = (name: string) =>
      on(name, async (machine) => {
        await makeBranch(machine);
        return warmJob(machine, { steps });
      });
    first = await job("branch");
    world.cache.requests.length = 0;
    second = await job("branch-again");
    requests = closureRequests(world);
  });
  const nixOf = (job: JobResult) => nixCommands(job.step("branch").log).join("\n");

  test("is built and saved, beside the first", () => {
    expect(failures(first)).toEqual([]);
    expect(first.step("branch").log).toContain(`Only Nix can tell what ${branch.replace(/#.*/, "")} is`);
    expect(nixOf(first)).toMatch(/^nix .*\bbuild\b/m);
    expect(keyOf(first.post("branch"))).toMatch(/^podman-rootless-closure-/);
    expect(first.step("run-branch").log).toContain(ran);
  });

  test("is copied beside the first once it is locked", () => {
    expect(failures(second)).toEqual([]);
    expect(second.step("branch").log).toMatch(
      /[1-9]\d* of \d+ store paths were missing and are in \/nix\/store/,
    );
    expect(nixOf(second)).toMatch(/^nix .*\bmetadata\b/m);
    expect(nixOf(second)).not.toMatch(/^nix .*\bbuild\b/m);
    expect(second.step("mounts").log).toContain("/nix/store overlay ");
    for (const name of ["flake-url", "flake-rev", "podman-version"])
      expect(second.step("branch").outputs[name]).toBe(first.step("branch").outputs[name]);
    expect(second.step("run").log).toContain(ran);
    expect(second.step("run-branch").log).toContain(ran);
    expect(requests.filter((kind) => kind !== "lookup")).toEqual(["getBlob", "getBlob"]);
  });
});
