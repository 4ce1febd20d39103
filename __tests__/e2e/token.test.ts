import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import { actionPath, openWorld, repository, type World } from "../support/world/world.ts";

/** Made up, so that nothing else can look like it; in two pieces, as the action's files are searched too. */
const token = ["ghs", "SoughtInAllThatAJobLeavesBehind4711"].join("_");

/** The token, and what is constant of it in base64 whatever stands before it: at each of three places. */
const patterns = [
  token,
  ...["", "x", "xx"].map((before) => {
    const text = Buffer.from(before + token).toString("base64");
    return text.slice(before.length === 0 ? 0 : 4, -4);
  }),
];

/** Where a job can leave files; /proc and /sys are looked at while it runs. */
const places = ["/nix", "/tmp", "/var", "/home", "/run", "/etc", "/opt", "/root", "/mnt", "/dev/shm", "/srv"];

let world: World;
let machine: Machine;
let result: JobResult;
let processes: string[];
let within: string[];
let mode: string;

/** The files in the machine with the token in them, as root reads them. */
async function filesWithToken(): Promise<string[]> {
  const { stdout } = await machine.exec(
    ["grep", "-rlaF", "--devices=skip", "--exclude-dir=debian", "--file=-", ...places],
    { user: "root", input: `${patterns.join("\n")}\n` },
  );
  return stdout.split("\n").filter((line) => line !== "");
}

beforeAll(async () => {
  world = await openWorld();
  const sampler = { source: join(repository, "__tests__/support/world/secret.py"), target: "/srv/secret.py" };
  machine = await world.machine("token", { mounts: [sampler] });
  const sampling = machine.exec(["python3", "/srv/secret.py", "/tmp/stop", "1001"], {
    user: "root",
    input: patterns.join("\n"),
  });
  const image = `${world.registry.host}/${IMAGES.busybox}`;
  const podman = "$" + "{{ steps.podman.outputs.podman }}";
  const pause = "touch /tmp/ready; until [ -e /tmp/go ]; do sleep 0.1; done; rm /tmp/go /tmp/ready";
  const job = runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    token,
    debug: true,
    steps: [
      {
        id: "registries",
        run: `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' ${world.registry.host} >~/.config/containers/registries.conf`,
      },
      { id: "podman", uses: true, with: { ...world.inputs, images: image } },
      {
        id: "run",
        run: `${podman} run --rm ${image} env\n${podman} build --tag localhost/more - <<<"FROM ${image}"\n${pause}`,
      },
    ],
  });
  // A job that fails before is looked at all the same.
  const ready = machine.exec(["sh", "-c", "until [ -e /tmp/ready ]; do sleep 0.1; done"]);
  await Promise.race([ready, job]);
  within = await filesWithToken();
  mode = (await machine.exec(["stat", "-c", "%a %U", ...within])).stdout.trim();
  await machine.exec(["touch", "/tmp/go", "/tmp/ready"]);
  result = await job;
  await machine.exec(["touch", "/tmp/stop"]);
  processes = (await sampling).stdout.split("\n");
}, 900_000);
afterAll(() => world.close());

test("the job went well, and its processes were seen", () => {
  expect(result.steps.filter(({ outcome }) => outcome !== "success")).toEqual([]);
  expect(processes).toEqual(expect.arrayContaining(["sampled nix", "sampled node", "sampled sudo"]));
});

test("no process had it in its arguments, and none of another user in its environment", () => {
  const found = processes.filter((line) => /^(arguments|environment):/.test(line));
  // The machine gives a step its variables by env, before it is the runner's user.
  const startsStep = / env -C \S+ -i HOME=/;
  expect(found.filter((line) => !startsStep.test(line))).toEqual([]);
});

test("no log has it, neither as it is nor masked, and no command that was run", () => {
  for (const { log, name } of result.steps) {
    expect({ name, found: patterns.filter((pattern) => log.includes(pattern)) }).toEqual({ name, found: [] });
    // The library masks the signatures of its URLs.
    expect(log.replace(/sig=\*\*\*/g, "")).not.toContain("***");
  }
  expect(result.step("podman").log).toMatch(/run \S+\/nix --log-format/);
});

test("while the job runs one file has it, which the user alone may read", () => {
  expect(within).toEqual([
    expect.stringMatching(/^\/home\/runner\/work\/_temp\/podman-rootless\/nix\/nix\.conf$/),
  ]);
  expect(mode).toBe("600 runner");
});

test("after the job no file has it", async () => {
  expect(await filesWithToken()).toEqual([]);
});

test("no entry of the cache has it", () => {
  const entries = world.cache.entries();
  expect(entries.map(({ key }) => key).sort()).toEqual([
    expect.stringContaining("-closure-"),
    expect.stringContaining("-store-"),
  ]);
  const directory = mkdtempSync(world.path("entry-"));
  for (const { key } of entries) {
    expect(key).not.toContain(token);
    unpack(world.cache.archive(key), join(directory, key));
  }
  // By grep and find: readdir would follow links, and those of an FHS tree lead in circles.
  const files = execFileSync("find", [directory, "-type", "f", "-printf", "x"], { maxBuffer: 1e8 });
  expect(files.length).toBeGreaterThan(10);
  const search = ["-rlaF", "--devices=skip", "--file=-", directory];
  const { status, stdout } = spawnSync("grep", search, {
    input: `${patterns.join("\n")}\n`,
    encoding: "utf8",
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  rmSync(directory, { recursive: true });
});

/** Unpacks an archive of the library's, and the segments in it. */
function unpack(archive: string, to: string): void {
  const workspace = join(to, "w/w/w");
  mkdirSync(workspace, { recursive: true });
  execFileSync("tar", ["--use-compress-program=zstd", "-xf", archive, "-P", "-C", workspace]);
  for (const entry of readdirSync(to, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.name.endsWith(".squashfs")) {
      execFileSync("unsquashfs", ["-quiet", "-no-progress", "-no-xattrs", "-dest", `${file}.d`, file]);
    } else if (/\.tar\.zst$/.test(entry.name)) {
      mkdirSync(`${file}.d`);
      execFileSync("tar", ["--use-compress-program=zstd", "-xf", file, "-C", `${file}.d`]);
    }
  }
}
