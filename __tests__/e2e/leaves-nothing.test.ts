// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import type { Machine } from "../support/machine/machine.ts";
import { difference, newPaths, type Snapshot, takeSnapshot } from "../support/machine/snapshot.ts";
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

/** Files of the environment's and of the host's, of uids above 0, read-only ones; what runs, and what would start again. */
const work = (): Step[] => [
  {
    id: "work",
    run: `printf 'FROM ${busybox()}\\nRUN --mount=type=cache,target=/c echo x >/c/x && mkdir /d && echo y >/d/y && chown -R 1000:1000 /d && chmod 0500 /d\\n' >Containerfile
${podman} build --tag localhost/built .
${podman} network create net
${podman} volume create --ignore vol
${podman} run --rm --volume vol:/v localhost/built sh -c 'echo z >/v/z && chown 33:33 /v/z && chmod 0400 /v/z'
${podman} run --rm --userns=keep-id localhost/built true
${podman} run --detach --restart always --name server --network net --publish 127.0.0.1::8080 --volume vol:/v localhost/built sleep 1000
${podman} run --detach --ipc host --name shared localhost/built sh -c 'echo 1 >/dev/shm/of-a-container; sleep 1000'
${podman} pod create --name pod
${podman} --url "$DOCKER_HOST" ps --quiet
${podman} exec shared rm /dev/shm/of-a-container
rm Containerfile`,
  },
];

/** crun moves all processes of a cgroup that the user owns into this one, the runner's among them. */
const crunsCgroup = "+ cgroup /sys/fs/cgroup/init";

/** What is not as it was, but for that. */
const changes = async (machine: Machine, before: Snapshot) =>
  difference(before, await takeSnapshot(machine)).filter((line) => line !== crunsCgroup);

/** Ids of /etc, /nix, the device: none of it is there, as on a machine that has just been set up. */
async function selfHosted(name: string): Promise<Machine> {
  const machine = await world.machine(name);
  await machine.exec(["chmod", "0600", "/dev/fuse"], { user: "root" });
  await machine.exec([
    "sh",
    "-c",
    `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "${world.registry.host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf
sudo true`,
  ]);
  // What the runner itself makes.
  const idle = await runJob(machine, { steps: [{ id: "idle", run: "true" }] });
  expect(idle.outcome).toBe("success");
  return machine;
}

const job = (machine: Machine, inputs: Record<string, string>, steps: Step[]): Promise<JobResult> =>
  runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    steps: [{ id: "podman", uses: true, with: { ...world.inputs, ...inputs } }, ...steps],
  });

const failures = ({ steps }: JobResult) =>
  steps.filter(({ outcome }) => outcome !== "success").map(({ name, log }) => ({ name, log }));

describe("keep: false", () => {
  let machine: Machine;
  let before: Snapshot;
  beforeAll(async () => {
    machine = await selfHosted("leaves-nothing");
    before = await takeSnapshot(machine);
  }, 120_000);

  const inputs = { keep: "false", socket: "true", "cache-mounts": "true", "cache-volumes": "vol" };

  test("a snapshot shows what was left", async () => {
    await machine.exec([
      "sh",
      "-c",
      "echo x >/tmp/x; touch ~/y; chmod 0600 ~/.profile; sudo chmod 0666 /dev/fuse",
    ]);
    const lines = difference(before, await takeSnapshot(machine));
    expect(newPaths(lines)).toEqual(["/home/runner/y", "/tmp/x"]);
    expect(lines.filter((line) => line.startsWith("- file")).map((line) => line.split(" ")[2])).toEqual([
      "/dev/fuse",
      "/home/runner/.profile",
    ]);
    await machine.exec(["sh", "-c", "rm /tmp/x ~/y; chmod 0644 ~/.profile; sudo chmod 0600 /dev/fuse"]);
    expect(await changes(machine, before)).toEqual([]);
  });

  test("a job leaves nothing, cold and with what the cache has", async () => {
    const cold = await job(machine, inputs, work());
    expect(failures(cold)).toEqual([]);
    expect(cold).toMatchObject({ killed: [], survivors: [] });
    expect(await changes(machine, before)).toEqual([]);

    const loops: Step = {
      id: "loops",
      run: `find "$RUNNER_TEMP" ~/.local -type f -printf '%i\\n' | sort >/tmp/inodes
sudo losetup --list --noheadings --raw --output BACK-INO | sort | join - /tmp/inodes
rm /tmp/inodes`,
    };
    const warm = await job(machine, inputs, [loops, ...work()]);
    expect(failures(warm)).toEqual([]);
    expect(warm.step("podman").outputs["cache-hit"]).toBe("true");
    const mounted = warm.step("loops").log.split("\n").filter(Boolean);
    expect(mounted.length).toBeGreaterThan(0);
    expect(await changes(machine, before)).toEqual([]);
    const { stdout } = await machine.exec(
      ["losetup", "--list", "--noheadings", "--raw", "--output", "BACK-INO"],
      {
        user: "root",
      },
    );
    expect(stdout.split("\n").filter((inode) => mounted.includes(inode))).toEqual([]);
  }, 600_000);

  test("a main that fails half way leaves nothing", async () => {
    const result = await job(machine, { ...inputs, flake: "path:/srv/nothing" }, []);
    expect(result.step("podman")).toMatchObject({ outcome: "failure" });
    expect(result.step("podman").log).toMatch(/subordinate ids/);
    expect(result.post("podman").outcome).toBe("success");
    expect(await changes(machine, before)).toEqual([]);
  }, 300_000);

  test("a main that fails at its end leaves nothing", async () => {
    const result = await runJob(machine, {
      action: { path: actionPath },
      env: world.cache.environment(),
      steps: [
        {
          id: "podman",
          uses: true,
          with: { ...world.inputs, ...inputs, images: `${world.registry.host}/no-such-image:1` },
        },
      ],
    });
    expect(result.step("podman").outcome).toBe("failure");
    expect(await changes(machine, before)).toEqual([]);
  }, 300_000);
});

describe("keep: true, the default", () => {
  test("what docs/security.md says stays, and the next job uses it", async () => {
    const machine = await selfHosted("keeps");
    const before = await takeSnapshot(machine);
    const inputs = { cache: "false", socket: "true" };
    const first = await job(machine, inputs, work());
    expect(failures(first)).toEqual([]);
    const lines = await changes(machine, before);
    expect(newPaths(lines)).toEqual([
      "/etc/subgid-",
      "/etc/subuid-",
      "/home/runner/.local",
      "/nix",
      ...["containers", "crun", "libpod", "netns", "runc"].map((name) => `/run/user/1001/${name}`),
      "/var/tmp/buildah-cache-1001",
    ]);
    const inHome = lines.flatMap(
      (line) => /^\+ file \/home\/runner\/\.local\/(\w+\/[\w-]+) /.exec(line)?.[1] ?? [],
    );
    expect(inHome.sort()).toEqual(["share/containers", "share/podman-rootless"]);
    const inRun = lines.filter((line) => /^\+ file \/run\/user\//.test(line));
    expect(inRun.filter((line) => !/^\+ file \S+ d /.test(line))).toEqual([]);
    const others = lines.filter((line) => !/^\+ (file|text) |^\+ cgroup \S+\/conmon$/.test(line));
    expect(others.filter((line) => !/^- text \/etc\/sub[ug]id /.test(line))).toEqual([]);

    const images: Step = {
      id: "images",
      run: `${podman} run --rm localhost/built cat /d/y; cat /etc/subuid`,
    };
    const second = await job(machine, inputs, [images]);
    expect(failures(second)).toEqual([]);
    expect(second.step("podman").log).not.toMatch(/will be built|Give runner/);
    expect(second.step("images").log).toMatch(/^y\nrunner:100000:65536$/m);
  }, 600_000);
});

test("keep: false, without sudo: of a store below the home directory nothing is left", async () => {
  const machine = await world.machine("no-sudo", { subordinateIds: "runner:100000:65536" });
  await machine.exec(["rm", "/usr/bin/sudo"], { user: "root" });
  const idle = await runJob(machine, { steps: [{ id: "idle", run: "true" }] });
  expect(idle.outcome).toBe("success");
  const before = await takeSnapshot(machine);
  const run: Step = {
    id: "run",
    run: `ls -d ~/.local/share/podman-rootless/nix; ${podman} run --rm --quiet --tls-verify=false ${busybox()} echo works`,
  };
  const result = await job(machine, { keep: "false", cache: "false" }, [run]);
  expect(failures(result)).toEqual([]);
  expect(result.step("run").log).toMatch(/^\/home\/runner\/.*\/nix\nworks$/m);
  expect(result.post("podman").annotations).toEqual([]);
  expect(await changes(machine, before)).toEqual([]);
}, 300_000);
