// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import { freePort } from "../support/free-port.ts";
import type { Machine, MachineOptions } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import {
  abandon,
  allowRegistry,
  both,
  buildReaper,
  client,
  dockerMachine,
  endNative,
  serveNatively,
} from "../support/world/docker-job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

const podman = "${{ steps.podman.outputs.podman }}";
const socket = "${{ steps.podman.outputs.socket }}";
const failures = ({ steps }: JobResult) =>
  steps.filter(({ outcome }) => outcome !== "success").map(({ name, log }) => ({ name, log }));

let world: World;
let options: Partial<MachineOptions>;
let busybox: string;
beforeAll(async () => {
  world = await openWorld();
  options = await dockerMachine();
  busybox = `${world.registry.host}/${IMAGES.busybox}`;
}, 900_000);
afterAll(() => world.close());

async function job(machine: Machine, steps: Step[], inputs: Record<string, string>): Promise<JobResult> {
  return runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    steps: [
      allowRegistry(world.registry.host),
      { id: "podman", uses: true, with: { ...world.inputs, cache: "false", ...inputs } },
      ...steps,
    ],
  });
}

/** Without what no two runs of one podman have in common. */
const alike = (log: string) => log.replace(/\b[0-9a-f]{64}\b/g, "ID").replace(/\b[0-9a-f]{12}\b/g, "ID");

describe("socket: true, docker-shim: true", () => {
  let machine: Machine;
  let result: JobResult;
  const log = (id: string) => alike(result.step(id).log).trim();

  // The real Ryuk where it can be had: RYUK_CONTAINER_IMAGE=docker.io/testcontainers/ryuk:0.14.0
  const reaper = process.env.RYUK_CONTAINER_IMAGE;
  const ryuk = {
    RYUK_CONTAINER_IMAGE: reaper ?? "localhost/testcontainers/ryuk:stand-in",
    TESTCONTAINERS_RYUK_RECONNECTION_TIMEOUT: "1s",
  };
  const noReaper = { TESTCONTAINERS_RYUK_DISABLED: "true" };

  beforeAll(async () => {
    machine = await world.machine("docker", options);
    const python = `${world.registry.host}/${IMAGES.debian}`;
    const port = await freePort();
    const steps: Step[] = [
      serveNatively,
      {
        id: "exported",
        run: `env | grep -E '^(DOCKER_|TESTCONTAINERS_)' | sort; stat --format '%a %U %F' "${socket}" "$(dirname "${socket}")"; command -v docker podman`,
      },
      ...both("dockerode", client.dockerode(busybox)),
      ...both("testcontainers", client.testcontainers(busybox), noReaper),
      ...(reaper === undefined ? both("reaper", buildReaper(ryuk.RYUK_CONTAINER_IMAGE, python)) : []),
      ...both("reaped", abandon(busybox), ryuk),
      ...both("with-reaper", client.testcontainers(busybox), ryuk),
      {
        id: "unreaped",
        run: `${podman} rm --force --time 0 $(${client.testcontainers(busybox)} abandon)`,
        env: noReaper,
      },
      ...both("docker", client.docker(busybox, port)),
      {
        id: "shim",
        run: `test "$(docker ps --all --quiet)" = "$(${podman} ps --all --quiet)"
docker --version; ${podman} --version
docker run --rm ${busybox} sh -c 'exit 9' || echo "code $?"
printf 'a\\0b' | docker run --rm -i ${busybox} od -c
docker run --rm ${busybox} printf '[%s]' 'a b' '' "c'd"
ls "$(dirname "$(command -v docker)")"`,
      },
      {
        id: "secrets",
        run: `pid=$(pgrep --full "^podman system service .*${socket}")
for pid in $pid $(ps -o sid= -p $pid); do
  tr '\\0' '\\n' </proc/$pid/environ | cut -d = -f 1 | grep -E '^(ACTIONS|GITHUB|INPUT|STATE)_|TRACKING'
done`,
      },
      {
        id: "service-killed",
        run: `id=$(/usr/bin/docker run --detach ${busybox} sleep 300)
pid=$(pgrep --full "^podman system service .*${socket}")
kill -KILL "$pid"
while [ -d "/proc/$pid" ]; do sleep 0.1; done
until /usr/bin/docker version --format '{{.Server.Version}}' 2>/dev/null; do sleep 0.1; done
/usr/bin/docker inspect --format '{{.State.Status}}' "$id"
/usr/bin/docker exec "$id" echo still there
echo "$id" >id`,
      },
      {
        id: "holder-killed",
        run: `read -r holder _ <"$(dirname "${socket}")/holder"
pid=$(pgrep --full "^podman system service .*${socket}")
kill -KILL "$holder"
${podman} inspect --format '{{.State.Status}}' "$(cat id)"
while [ -d "/proc/$pid" ]; do sleep 0.1; done
until /usr/bin/docker inspect --format '{{.State.Status}}' "$(cat id)" 2>/dev/null; do sleep 0.1; done
read -r fresh _ <"$(dirname "${socket}")/holder"
test "$fresh" != "$holder"
service=$(pgrep --full "^podman system service .*${socket}")
test "$(readlink /proc/$service/ns/mnt)" = "$(readlink /proc/$fresh/ns/mnt)"
/usr/bin/docker run --rm ${busybox} echo works again`,
      },
      endNative,
    ];
    // One that fails takes no other with it.
    const always = steps.map((step): Step => ({ ...step, if: "always()", timeout: 300_000 }));
    result = await job(machine, always, { socket: "true", "docker-shim": "true" });
  }, 1_800_000);

  test("every step passes", () => {
    expect(failures(result)).toEqual([]);
  });

  test("later steps know where the service is, and only their user may talk to it", () => {
    const { socket: path = "", "docker-host": host } = result.step("podman").outputs;
    expect(path).toMatch(/^\/run\/user\/1001\/podman-rootless\/[0-9a-f]{12}\/podman\.sock$/);
    expect(host).toBe(`unix://${path}`);
    expect(result.step("exported").log.trim().split("\n")).toEqual([
      `DOCKER_HOST=unix://${path}`,
      `TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE=${path}`,
      expect.stringMatching(/^[67]00 runner socket$/),
      "700 runner directory",
      expect.stringMatching(
        /^\/home\/runner\/work\/_temp\/podman-rootless\/[0-9a-f]{12}\/docker-shim\/docker$/,
      ),
      "/usr/bin/podman",
    ]);
  });

  test.each(["dockerode", "testcontainers", "reaped", "with-reaper", "docker"])(
    "%s finds what it finds at a native podman's socket",
    (id) => {
      expect(log(id)).toBe(log(`${id}-native`));
    },
  );

  test("dockerode", () => {
    expect(log("dockerode")).toContain('ping: "OK"');
    expect(log("dockerode")).toContain('wait: {"StatusCode":7');
    expect(log("dockerode")).toContain('attach: ["got hello\\n","complaint\\n"]');
    expect(log("dockerode")).toContain('built: "built\\n"');
  });

  test(`testcontainers, without a reaper and with ${reaper ?? "a stand-in for Ryuk"}`, () => {
    expect(log("testcontainers")).toContain('mapped port: "hello\\n"');
    expect(log("testcontainers")).toContain("copied out: [true,true]");
    expect(log("with-reaper")).toBe(log("testcontainers"));
    expect(log("reaped")).toBe("removed");
    expect(result.step("unreaped").log).toMatch(/^[0-9a-f]{64}\n$/);
  });

  test("the command docker", () => {
    expect(log("docker")).toContain("from the container\nrunner\n");
    expect(log("docker")).toMatch(/--- compose\nweb\n.*from the host\n0\n/);
  });

  test("the shim is the action's podman", () => {
    const [docker, same, ...rest] = log("shim").split("\n");
    expect(docker).toMatch(/^podman version 5\.4\./);
    expect(same).toBe(docker);
    expect(rest).toEqual([
      "code 9",
      expect.stringMatching(/^0000000 +a +\\0 +b$/),
      "0000003",
      "[a b][][c'd]docker",
    ]);
  });

  test("the service has no secrets of the step, and ends with the job", () => {
    expect(result.step("secrets").log).toBe("RUNNER_TRACKING_ID\n".repeat(2));
  });

  test("a service that is killed is started again, and its containers run on", () => {
    expect(log("service-killed").split("\n").slice(1)).toEqual(["running", "still there"]);
  });

  test("with the holder killed the service is in the next environment", () => {
    expect(log("holder-killed").split("\n")).toEqual([
      "podman-rootless: the environment's holder is gone; starting anew (containers that ran have ended)",
      "exited",
      "exited",
      "works again",
    ]);
  });

  test("post ends the service and says what became of it", async () => {
    expect(result).toMatchObject({ killed: [], survivors: [] });
    expect(result.post("podman").log).toMatch(/the API service ended with exit code 137; starting it anew/);
    const { socket: path = "" } = result.step("podman").outputs;
    expect((await machine.exec(["ls", path])).stderr).toContain("No such file or directory");
  });

  test("used three times in a job: the second starts the service, the third has the same, all is ended", async () => {
    await machine.exec(["touch", "/.dockerenv"], { user: "root" });
    const use = (id: string, inputs: Record<string, string>): Step => ({
      id,
      uses: true,
      with: { ...world.inputs, cache: "false", ...inputs },
    });
    const supervisor = (id: string) =>
      `pgrep --full "^podman system service" | wc -l; cat "$(dirname "\${{ steps.${id}.outputs.socket }}")/service"`;
    const twice = await job(
      machine,
      [
        { id: "before", run: 'echo "[${DOCKER_HOST-}]"; command -v docker' },
        use("second", { socket: "true" }),
        { id: "pid", run: supervisor("second") },
        use("third", { socket: "true", "docker-shim": "true" }),
        { id: "same", run: supervisor("third") },
        // In a container job testcontainers would look for published ports at the network's gateway.
        { id: "in-container", run: client.testcontainers(busybox), env: noReaper },
      ],
      {},
    );
    expect(failures(twice)).toEqual([]);
    expect(twice.step("podman").outputs).toMatchObject({ socket: "", "docker-host": "" });
    expect(twice.step("before").log).toBe("[]\n/usr/bin/docker\n");
    expect(twice.step("third").outputs).toEqual(twice.step("second").outputs);
    expect(twice.step("same").log).toBe(twice.step("pid").log);
    expect(twice.step("in-container").log).toBe(result.step("testcontainers").log);
    expect(twice).toMatchObject({ killed: [], survivors: [] });
  }, 600_000);
});
