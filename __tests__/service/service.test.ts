import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { Environment } from "../../src/environment/environment.ts";
import {
  answers,
  layOutService,
  requireService,
  type Service,
  startService,
  stopService,
} from "../../src/service/service.ts";

const repository = join(import.meta.dirname, "../..");

let directory: string;
let service: Service;
let log: string;

beforeEach(async () => {
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  directory = mkdtempSync(join(tmpdir(), "service-"));
  service = await layOutService(environment(join(directory, "it's state")), repository);
  mkdirSync(service.directory);
});

afterEach(async () => {
  await stopService(service);
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const environment = (state: string): Environment => ({
  script: join(directory, "enter.sh"),
  rootfs: "/nowhere",
  graphRoot: "/nowhere",
  driver: "vfs",
  directory: state,
  podman: join(directory, "podman"),
});

/** A program in podman's place that serves as many seconds as it is told to; the tests in e2e/ have the real one. */
function servingPodman(): void {
  program(`#!${process.execPath}
const [system, command, time, zero, address] = process.argv.slice(2);
if ([system, command, time, zero].join(" ") !== "system service --time 0") process.exit(2);
require("node:http")
  .createServer((request, response) => response.end(request.url === "/_ping" ? "OK" : JSON.stringify({ pid: process.pid, env: process.env })))
  .listen(address.replace("unix://", ""));
`);
}

function program(text: string): void {
  writeFileSync(service.podman, text);
  chmodSync(service.podman, 0o755);
}

interface Answer {
  pid: number;
  env: Record<string, string>;
}

function ask(): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    get({ socketPath: service.socket, path: "/", agent: false }, async (response) =>
      resolve(JSON.parse((await response.toArray()).join(""))),
    ).on("error", () => resolve(undefined));
  });
}

async function until<T>(find: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    await setTimeout(20);
  }
}

/** False for a zombie, too: it is its new parent's to bury. */
const alive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
const supervisor = () => Number(readFileSync(join(service.directory, "service"), "utf8"));

test("it serves until it is stopped, and nothing is left", async () => {
  servingPodman();
  expect(await answers(service)).toBe(false);
  await startService(service);
  expect(await answers(service)).toBe(true);
  const [{ pid = 0 } = {}, parent] = [await ask(), supervisor()];
  await startService(service);
  expect((await ask())?.pid).toBe(pid);
  expect(supervisor()).toBe(parent);

  await stopService(service);
  await until(() => (alive(pid) || alive(parent) ? undefined : true));
  expect(existsSync(service.socket)).toBe(false);
  expect(log).not.toContain("ended with");
});

test("one that is killed is started again; post shows it", async () => {
  servingPodman();
  await startService(service);
  const { pid } = await until(ask);
  process.kill(pid, "SIGKILL");
  const { pid: next } = await until(async () => {
    const answer = await ask();
    return answer?.pid === pid ? undefined : answer;
  });
  await stopService(service);
  expect(alive(next)).toBe(false);
  expect(log).toContain(
    "podman-rootless: the API service ended with exit code 137; starting it anew in 0 s\n",
  );
});

test("one whose supervisor was killed is replaced", async () => {
  servingPodman();
  await startService(service);
  const [{ pid }, parent] = [await until(ask), supervisor()];
  process.kill(parent, "SIGKILL");
  process.kill(pid, "SIGKILL");
  await until(() => (alive(pid) || alive(parent) ? undefined : true));
  await startService(service);
  expect((await ask())?.pid).not.toBe(pid);
  expect(supervisor()).not.toBe(parent);
});

test("a pid that is somebody else's by now is left alone", async () => {
  const other = spawn("sleep", ["300"], { detached: true });
  try {
    writeFileSync(join(service.directory, "service"), `${other.pid}\n`);
    await stopService(service);
    expect(other.exitCode ?? other.signalCode).toBe(null);
    expect(alive(other.pid ?? 0)).toBe(true);
    expect(existsSync(join(service.directory, "service"))).toBe(false);
  } finally {
    other.kill();
  }
});

test("a service that does not end on TERM is killed", async () => {
  program("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n");
  const { script, podman, directory: state } = service;
  execFileSync("sh", [script, "start", state, podman]);
  const parent = await until(() => (existsSync(join(state, "service")) && supervisor()) || undefined);
  await stopService(service);
  await until(() => (alive(parent) ? undefined : true));
});

test("one that cannot serve is an error with its last words, and is ended", async () => {
  program("#!/bin/sh\necho 'Error: no such thing' >&2\nexit 125\n");
  await expect(startService(service, 5000)).rejects.toThrow(
    /^Podman's API service does not answer at .*podman\.sock: .*Error: no such thing(; .*)?\. Try it in a step without/,
  );
  expect(existsSync(join(service.directory, "service"))).toBe(false);
  await expect(startService({ ...service, podman: "/nowhere/podman" }, 5000)).rejects.toThrow("not found");
});

test("it keeps what a runner knows it by, and nothing of the step's", async () => {
  servingPodman();
  const before = { ...process.env };
  const given = { RUNNER_TRACKING_ID: "github_1", CONTAINER_HOST: "unix:///other", WORD: "two words" };
  const secret = { ACTIONS_RUNTIME_TOKEN: "secret", "INPUT_GITHUB-TOKEN": "secret", GITHUB_OUTPUT: "/x" };
  try {
    Object.assign(process.env, given, secret);
    await startService(service);
    const { env } = await until(ask);
    expect(env).toMatchObject({ RUNNER_TRACKING_ID: "github_1", WORD: "two words" });
    expect(Object.keys(env).filter((name) => /^(ACTIONS|GITHUB|INPUT)_|^CONTAINER_HOST$/.test(name))).toEqual(
      [],
    );
  } finally {
    process.env = before;
  }
});

test("a socket whose path the kernel would not take is refused", async () => {
  const rest = "/podman.sock".length;
  const fits = `/run/${"x".repeat(107 - rest - 5)}`;
  expect((await layOutService(environment(fits), repository)).socket).toHaveLength(107);
  await expect(layOutService(environment(`${fits}x`), repository)).rejects.toThrow(
    /^The path of the API socket, \/run\/x+\/podman\.sock, is longer than 107 bytes/,
  );
  await expect(layOutService(environment(fits.replace("x", "ü")), repository)).rejects.toThrow("longer");
});

test.each([
  [["--help"], 0],
  [[], 125],
  [["start", "/tmp"], 125],
  [["serve", "/tmp"], 125],
])("serve.sh %j ends with %d", async (args, code) => {
  const child = spawn("sh", [join(repository, "nix/serve.sh"), ...args], { stdio: "ignore" });
  expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(code);
});

test("a podman whose API Docker's clients cannot use is refused", () => {
  expect(() => requireService("2.2.1")).toThrow(
    new Error(
      "The input socket needs podman 3.0 or newer, and this flake has podman 2.2.1. Name a newer revision with flake or rev, or give socket: false.",
    ),
  );
  expect(() => requireService("3.0.0")).not.toThrow();
});
