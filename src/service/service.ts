import { cp, readFile } from "node:fs/promises";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { debug } from "@actions/core";
import type { Environment } from "../environment/environment.ts";
import { run } from "../exec.ts";
import { info, lastWords, linesOf } from "../log.ts";
import { podmanCan } from "../podman-features.ts";

/** Podman's API service in an environment, running or not: all that nix/serve.sh needs to find it. */
export interface Service {
  /** Absolute path of serve.sh. */
  script: string;
  /** The executable that is podman in the environment. */
  podman: string;
  /** The environment's own directory, where the service has its socket, its log and its supervisor's pid. */
  directory: string;
  /** Absolute path of the Unix socket. Clients tell podman from Docker by its name. */
  socket: string;
}

/** How long the service may take to answer for the first time, in milliseconds: it is a matter of one second. */
const PATIENCE = 60_000;

/** What fits into sockaddr_un with the zero at its end, unix(7). */
const LONGEST_SOCKET = 107;

/**
 * Lays out the service of an environment whose own files lie where layOut has put them: a copy of serve.sh beside them.
 *
 * @param action absolute path of the action's checkout
 * @throws {Error} when the socket's path would be too long for the kernel
 */
export async function layOutService(environment: Environment, action: string): Promise<Service> {
  const { podman, directory } = environment;
  const service: Service = {
    script: join(dirname(environment.script), "serve.sh"),
    podman,
    directory,
    socket: join(directory, "podman.sock"),
  };
  if (Buffer.byteLength(service.socket) > LONGEST_SOCKET) {
    throw new Error(
      `The path of the API socket, ${service.socket}, is longer than ${LONGEST_SOCKET} bytes, which is all that the kernel takes. Set XDG_RUNTIME_DIR to a shorter path.`,
    );
  }
  await cp(join(action, "nix", "serve.sh"), service.script);
  return service;
}

/** @throws {Error} for a podman whose API is of no use to Docker's clients */
export function requireService(podmanVersion: string): void {
  if (podmanCan(podmanVersion, "Docker-compatible API")) return;
  throw new Error(
    `The input socket needs podman 3.0 or newer, and this flake has podman ${podmanVersion}. Name a newer revision with flake or rev, or give socket: false.`,
  );
}

/** True when an API service answers at the socket. */
export function answers({ socket }: Pick<Service, "socket">): Promise<boolean> {
  return new Promise((resolve) => {
    get({ socketPath: socket, path: "/_ping", agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    })
      .on("timeout", function (this: { destroy(): void }) {
        this.destroy();
      })
      .on("error", () => resolve(false));
  });
}

/**
 * Starts the service's supervisor, unless there is one, and waits until the service answers.
 *
 * @param patience how long to wait for an answer, in milliseconds
 * @throws {Error} with the service's last words, when it does not answer; nothing runs then
 */
export async function startService(service: Service, patience = PATIENCE): Promise<void> {
  const { script, directory, podman, socket } = service;
  await run("/bin/sh", [script, "start", directory, podman], { env: withoutStepVariables() });
  const deadline = Date.now() + patience;
  while (!(await answers(service))) {
    if (Date.now() > deadline) {
      const words = lastWords(await readLog(service));
      await run("/bin/sh", [script, "stop", directory]);
      throw new Error(
        `Podman's API service does not answer at ${socket}: ${words || "it said nothing"}. Try it in a step without the input socket: ${podman} system service --time 0 unix://${socket}`,
      );
    }
    await setTimeout(50);
  }
}

/**
 * Ends the supervisor and the service and removes the socket. Shows in the log what the supervisor said, such as that it
 * had to start the service again; podman's own lines only where the runner shows debugging.
 */
export async function stopService(service: Service): Promise<void> {
  await run("/bin/sh", [service.script, "stop", service.directory]);
  for (const line of linesOf(await readLog(service)))
    (line.startsWith("podman-rootless: ") ? info : debug)(line);
}

/** What the supervisor and the service said; empty where it never ran. */
const readLog = ({ directory }: Service): Promise<string> =>
  readFile(join(directory, "service.log"), "utf8").catch(() => "");

/**
 * The service outlives the step, and whoever may read its variables must not find the step's inputs, its tokens and
 * its command files among them: /proc/PID/environ, or a container that is created with a variable's name alone.
 */
function withoutStepVariables(): Record<string, undefined> {
  const names = Object.keys(process.env).filter((name) => /^(ACTIONS|GITHUB|INPUT|STATE)_/.test(name));
  return Object.fromEntries(names.map((name) => [name, undefined]));
}
