// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell
import { join } from "node:path";
import { debianRoot, ENVIRONMENT_PACKAGES, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import type { MachineOptions, Mount } from "../machine/machine.ts";
import type { RunStep } from "../runner/workflow.ts";
import { repository } from "./world.ts";

/** In the machines: the scripts of clients/, with the npm packages that they import. */
const CLIENTS = "/srv/clients";
const NODE = "/opt/node24/bin/node";

/** What the clients are run from, beside node 24. */
export const clientMounts: Mount[] = [
  { source: join(import.meta.dirname, "clients"), target: CLIENTS },
  { source: join(repository, "node_modules"), target: "/srv/node_modules" },
  { source: join(repository, "package.json"), target: "/srv/package.json" },
];

/** What a machine needs for these jobs: the command `docker`, a podman of its own to compare with, and the clients. */
export async function dockerMachine(): Promise<Partial<MachineOptions>> {
  return {
    image: await debianRoot({
      name: "docker",
      packages: [...RUNNER_PACKAGES, ...ENVIRONMENT_PACKAGES, "docker-cli", "docker-compose"],
    }),
    mounts: clientMounts,
  };
}

/** Lets every podman of the machine use the registry on loopback. */
export const allowRegistry = (host: string): RunStep => ({
  id: "registries",
  run: `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' ${host} >~/.config/containers/registries.conf`,
});

const NATIVE = "/run/user/1001/native/podman.sock";
const native = { DOCKER_HOST: `unix://${NATIVE}`, TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE: NATIVE };

/** Starts the API service of the machine's own podman, as a user does by hand. */
export const serveNatively: RunStep = {
  id: "native",
  run: `mkdir -p ${NATIVE.replace("/podman.sock", "")}
setsid --fork /usr/bin/podman system service --time 0 unix://${NATIVE} </dev/null >~/native.log 2>&1
until curl --silent --fail --unix-socket ${NATIVE} http://d/_ping; do sleep 0.1; done`,
};

/** Ends it, with what podman leaves for five minutes after each `exec`, and its pause process. */
export const endNative: RunStep = {
  id: "end-native",
  run: `kill $(pgrep --full "^/usr/bin/podman system service") $(pgrep --full "^/usr/bin/conmon .*/share/containers/storage")
/usr/bin/podman system migrate`,
};

/** A step, and the same for the machine's own podman. */
export function both(id: string, run: string, env: Record<string, string> = {}): RunStep[] {
  return [
    { id, run, env },
    { id: `${id}-native`, run, env: { ...env, ...native } },
  ];
}

/** The commands of the clients, by the names of their files. */
export const client = {
  dockerode: (image: string) => `${NODE} ${CLIENTS}/dockerode.ts ${image}`,
  testcontainers: (image: string) => `${NODE} ${CLIENTS}/testcontainers.ts ${image}`,
  docker: (image: string, port: number) => `${CLIENTS}/docker.sh /usr/bin/docker ${image} ${port}`,
};

/**
 * Makes an image of the reaper's stand-in, whose name is to be the value of RYUK_CONTAINER_IMAGE, by the command
 * `docker` that is on PATH, from an image with python3.
 */
export const buildReaper = (name: string, base: string): string =>
  `printf 'FROM ${base}\\nCOPY reaper.py /reaper.py\\nLABEL org.testcontainers.ryuk=true\\nCMD ["python3", "/reaper.py"]\\n' |
DOCKER_BUILDKIT=0 /usr/bin/docker build --quiet --tag ${name} --file - ${CLIENTS}`;

/**
 * A test that ends without cleaning up, watched until its container is gone. With the reaper's delay set to one
 * second that is its own, not the 10 it has otherwise.
 */
export const abandon = (image: string): string =>
  `id=$(${client.testcontainers(image)} abandon)
until [ -z "$(/usr/bin/docker ps --all --quiet --no-trunc --filter id=$id)" ]; do sleep 0.2; done
until [ -z "$(/usr/bin/docker ps --quiet --filter label=org.testcontainers.ryuk=true)" ]; do sleep 0.2; done
echo removed`;
