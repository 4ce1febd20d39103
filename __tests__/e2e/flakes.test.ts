// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { flakeAt, flakesMachine, shapes } from "../support/world/flakes.ts";
import { expected, failures, inside, runStep } from "../support/world/flakes-job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

let world: World;
let machine: Machine;

beforeAll(async () => {
  world = await openWorld({ online: true }); // its parts are this test's own
  const parts = await flakesMachine("trixie", ["trixie"]);
  machine = await world.machine("flakes", { ...parts, subordinateIds: "runner:100000:65536" });
  await parts.prepare(machine);
  await machine.exec(
    [
      "sh",
      "-euc",
      `mv /usr/bin/sudo /usr/bin/sudo.real
      printf '#!/bin/sh\\ncase $1 in setcap | mkdir | true) echo "sudo $*" >>/tmp/marks ;; esac\\nexec /usr/bin/sudo.real "$@"\\n' >/usr/bin/sudo
      printf '#!/bin/sh\\necho "setcap $*" >>/tmp/marks\\n' >/usr/sbin/setcap
      chmod +x /usr/bin/sudo /usr/sbin/setcap`,
    ],
    { user: "root" },
  );
}, 900_000);
afterAll(() => world.close());

const steps = (): Step[] => [
  runStep(world),
  // Of the helpers, those that this flake has.
  inside(
    "podman",
    "look",
    `for name in podman conmon crun runc; do
  path=$(readlink -f "$(command -v "$name")")
  case $path in /host/*) ;; *) echo "$path" ;; esac
done`,
  ),
  inside("podman", "registries", "grep registries /etc/containers/registries.conf | grep -v '^#'"),
];

const job = (shape: string, steps: Step[]): Promise<JobResult> =>
  runJob(machine, {
    action: { path: actionPath },
    steps: [
      { id: "podman", uses: true, with: { flake: `path:${flakeAt("trixie", shape)}`, cache: "false" } },
      ...steps,
    ],
  });

test("each shape has its expectation", () => expect(shapes).toEqual(Object.keys(expected)));

test.each(shapes)(
  "%s",
  async (shape) => {
    const result = await job(shape, steps());
    expect(failures(result)).toEqual([]);
    const { attribute, root, podman = "source/usr" } = expected[shape] ?? { attribute: "" };
    expect(result.step("podman").log).toMatch(
      new RegExp(
        `\nRootfs /${root === undefined ? ".*/rootfs/[0-9a-f]{12}" : `nix/store/.*-${root}`}, of ${attribute}\n`,
      ),
    );
    expect(result.step("podman").log).not.toMatch(/^error: (flake|attribute)/m);
    expect(result.step("podman").annotations).toEqual([]);
    expect(result.step("run").log.trim().split("\n").at(-1)).toBe("works as 0 on 13");
    // Podman and its helpers are the flake's; and its registries.conf is not.
    const [found, ...helpers] = result.step("look").log.trim().split("\n");
    expect(found).toMatch(new RegExp(`^/nix/store/[0-9a-z]{32}-${podman}/bin/podman$`));
    for (const path of helpers) expect(path).toMatch(/^\/nix\/store\/.*\/s?bin\/(conmon|crun|runc)$/);
    expect(result.step("registries").log.trim()).toBe('unqualified-search-registries = ["docker.io"]');
    // No shellHook, no launcher and no script that asks for root was run.
    expect(await machine.exec(["cat", "/tmp/marks"])).toMatchObject({ code: 1, stdout: "" });
    expect(result).toMatchObject({ outcome: "success", killed: [], survivors: [] });
  },
  120_000,
);

test("a podman without fuse-overlayfs: the kernel's overlay, with a warning", async () => {
  const result = await job("flat-bin#bare", [runStep(world)]);
  expect(failures(result)).toEqual([]);
  expect(result.step("podman").annotations.map(({ message }) => message)).toEqual([
    expect.stringMatching(/has fuse-overlayfs/),
  ]);
  expect(result.step("podman").outputs["storage-driver"]).toBe("overlay");
  expect(result.step("run").log).toContain("works as 0 on 13");
}, 120_000);

test("for root: the machine's software, and no more of it", async () => {
  const parts = await flakesMachine("trixie", ["trixie"]);
  const root = await world.machine("root", {
    ...parts,
    subordinateIds: "root:100000:65536",
    exec: { user: "root", env: { HOME: "/root" } },
  });
  await parts.prepare(root);
  await root.exec(["chown", "-R", "root:root", "/nix"]);
  const look = inside(
    "podman",
    "look",
    "ls /host; ls /host/etc/passwd; (echo x >/host/usr/bin/x) 2>&1; awk 'BEGIN { print 1 + 1 }'; ls /host/home",
  );
  const result = await runJob(root, {
    action: { path: actionPath },
    env: { XDG_CONFIG_HOME: undefined, XDG_RUNTIME_DIR: undefined },
    work: "/root/work", // the home of another user is closed to it in the environment
    steps: [
      { id: "podman", uses: true, with: { flake: `path:${flakeAt("trixie", "capable")}`, cache: "false" } },
      runStep(world),
      { ...look, run: `${look.run} || true` },
    ],
  });
  expect(failures(result)).toEqual([]);
  expect(result.step("run").log).toContain("works as 0 on 13");
  const lines = result.step("look").log.trim().split("\n");
  expect(lines).toEqual([
    ...["bin", "etc", "lib", "lib64", "sbin", "usr", "/host/etc/passwd"],
    expect.stringMatching(/Read-only file system/),
    "2",
    expect.stringMatching(/No such file or directory/),
  ]);
}, 300_000);
