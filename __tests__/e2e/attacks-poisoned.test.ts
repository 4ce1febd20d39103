import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import type { RunStep } from "../support/runner/workflow.ts";
import { changeSegment } from "../support/world/cache-entry.ts";
import { cacheJob, expectGreen, forget, podman, warnings, work } from "../support/world/cache-job.ts";
import { openWorld, type World } from "../support/world/world.ts";

// Somebody who may write the cache has put programs into a layer that run as their owner, and a device of the machine's:
// root makes such an archive, whose ids are read as those of the environment.
let world: World;
let machine: Machine;
beforeAll(async () => {
  world = await openWorld();
  machine = await world.machine("poisoned");
  expectGreen(await cacheJob(world, machine, [work(world)]), world);
  change(`for owner in 0 33; do
  mkdir -p "planted/$owner"; cp /usr/bin/id "planted/$owner"
  chown "$owner:$owner" "planted/$owner/id"; chmod 6755 "planted/$owner/id"
done
mknod -m 0666 planted/disk b 7 0`);
}, 900_000);
afterAll(() => world.close());

/** Changes the segment in the cache by a script, which root runs in the layer with a busybox. */
function change(script: string): void {
  const key = world.cache.entries().find((entry) => entry.key.includes("-store-"))?.key ?? "";
  changeSegment(world.cache, key, (segment) => {
    const scratch = mkdtempSync(world.path("poison-"));
    writeFileSync(join(scratch, "before"), segment);
    const all = `set -eu
cd "$1"; unsquashfs -quiet -no-progress -dest store before
cd "$(dirname "$(ls -d store/overlay/*/diff/bin)")"
${script}
cd "$1"; mksquashfs store/* after -quiet -no-progress`;
    execFileSync("sh", ["-c", all, "sh", scratch], { stdio: "pipe" });
    const made = readFileSync(join(scratch, "after"));
    rmSync(scratch, { recursive: true });
    return made;
  });
}

const step = (run: string): RunStep => ({ id: "look", run });

test("mounted: read-only, no owner's rights, no device", async () => {
  await forget(machine);
  const look = step(`${podman} unshare sh -c '
grep -o " /\\.segments/.*" /proc/self/mountinfo | sed "s/relatime.*//"
cd /.segments/*/overlay/*/diff/planted || exit
stat -c "%A %u %n" 0/id 33/id disk
for owner in 0 33; do $owner/id -u; done
cat disk; touch 0/id' 2>&1 || :
${podman} run --rm localhost/one sh -c 'cat /planted/disk; mount -o remount,suid,dev /' 2>&1 || :`);
  const result = await cacheJob(world, machine, [look]);
  expectGreen(result, world);
  expect(warnings(result)).toEqual([]);
  expect(result.step("look").log.trim().split("\n")).toEqual([
    expect.stringMatching(/^\/\.segments\/[0-9a-f]{12} ro,nosuid,nodev,$/),
    "-rwsr-sr-x 0 0/id",
    "-rwsr-sr-x 33 33/id",
    "brw-rw-rw- 0 disk",
    // The user, whoever owns the program.
    "0",
    "0",
    "cat: disk: Permission denied",
    "touch: cannot touch '0/id': Read-only file system",
    expect.stringMatching(/^cat: can't open '\/planted\/disk': (Permission|Operation)/),
    expect.stringMatching(/^mount: (permission denied|.*not permitted)/),
  ]);
}, 300_000);

/** Programs that run as their owner, by mode, owner and path below the store's parent; and devices. */
const find = (podman: string) => `cd "$(${podman} info --format '{{.Store.GraphRoot}}')/.."
sudo find . -perm /6000 -printf '%m %U\\n' -o '(' -type b -o -type c ')' -printf '%M\\n'`;

test("unpacked: the user can make no device, so nothing of it stays", async () => {
  await forget(machine);
  const inputs = { "cache-restore": "unpack" };
  const result = await cacheJob(world, machine, [step(find(podman))], { inputs });
  expectGreen(result, world);
  expect(warnings(result)).toEqual([
    expect.stringMatching(/^Segment \w+ cannot be unpacked: .*failed to create block device.*not permitted/),
  ]);
  expect(result.step("look").log).toBe("");
}, 300_000);

test("unpacked without the device: programs run as the user or its subordinate ids, and only the user reaches them", async () => {
  await forget(machine);
  change("rm planted/disk");
  const result = await cacheJob(world, machine, [step(find(podman))], {
    inputs: { "cache-restore": "unpack" },
  });
  expectGreen(result, world);
  expect(result.step("look").log.trim().split("\n").sort()).toEqual(["6755 100032", "6755 1001"]);
  const file = await machine.exec([
    "sh",
    "-c",
    "echo ~/.local/share/podman-rootless/*/storage/overlay/*/diff/planted/33/id",
  ]);
  const tried = await machine.exec([file.stdout.trim(), "-u"], { user: "1002", cwd: "/tmp" });
  expect(tried).toMatchObject({
    stdout: "",
    stderr: expect.stringMatching(/\/planted\/33\/id.*Permission denied/),
  });
}, 300_000);
