import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import type { ExecOptions, ExecResult } from "../machine/exec.ts";

/** One of a virtual machine's doors. */
export interface Door {
  user: "root" | "runner";
  /** On this host's loopback. */
  port: number;
  /** The private key's file. */
  key: string;
  /** Directory for the socket of the one connection that all commands share; short, see unix(7). */
  control: string;
  /** A command that runs each command, such as aa-exec. */
  wrapper?: string[];
}

/** After which a command that cannot be waited for longer is given up, in milliseconds. */
const LONGEST = 900_000;

/**
 * Runs a command through a door, with the variables that the door's own session has and those of `env`. A command
 * that a signal ended has the code of shells, 128 and its number; 255 is also ssh's own failure. A time-out ends
 * the wait, not what runs.
 */
export function execOver(door: Door, argv: string[], options: ExecOptions = {}): Promise<ExecResult> {
  const child = spawn("ssh", [...sshArguments(door), remoteCommand(door, argv, options)], {
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    timeout: options.timeout ?? LONGEST,
    killSignal: "SIGKILL",
  });
  const result = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      result[stream] += text;
      options.onOutput?.(text, stream);
    });
  }
  child.stdin?.on("error", () => {}); // a command need not read what it is given
  child.stdin?.end(options.input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ ...result, code, signal, timedOut: signal === "SIGKILL", outputHeld: false }),
    );
  });
}

/**
 * Makes the connection that all commands through a door share, and with it the session that the machine has for it.
 * Tries until the machine answers. The connection ends with the returned process, and that with this one.
 *
 * @throws Error with ssh's last complaint after `patience` milliseconds.
 */
export async function openDoor(door: Door, patience: number): Promise<ChildProcess> {
  const until = performance.now() + patience;
  for (;;) {
    const master = spawn("setpriv", ["--pdeathsig", "TERM", "ssh", "-M", "-N", ...sshArguments(door)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let complaint = "";
    master.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    while (master.exitCode === null) {
      if ((await execOver(door, ["true"])).code === 0) return master;
      await setTimeout(200);
    }
    if (performance.now() > until)
      throw new Error(`${door.user} cannot reach the machine: ${complaint.trim()}`);
    await setTimeout(500);
  }
}

/** Ends the connection. */
export async function closeDoor(master: ChildProcess): Promise<void> {
  if (master.exitCode !== null || master.signalCode !== null) return;
  // A SIGTERM that comes just before ssh waits for something is lost.
  master.kill("SIGKILL");
  await once(master, "exit");
}

/** Arguments of ssh(1) up to the command. */
export function sshArguments({ user, port, key, control }: Door): string[] {
  const options = [
    "BatchMode=yes",
    "ConnectTimeout=60",
    `ControlPath=${control}/${user}-${port}`,
    "LogLevel=ERROR",
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
  ];
  return [
    "-F",
    "none",
    ...options.flatMap((option) => ["-o", option]),
    "-i",
    key,
    "-p",
    `${port}`,
    `${user}@127.0.0.1`,
  ];
}

function remoteCommand({ user, wrapper = [] }: Door, argv: string[], { env = {}, cwd }: ExecOptions): string {
  const entries = Object.entries({ LANG: "C.UTF-8", ...env });
  const removed = entries.flatMap(([name, value]) => (value === undefined ? ["-u", name] : []));
  const set = entries.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  const home = user === "root" ? "/root" : `/home/${user}`;
  return ["exec", ...[...wrapper, "env", "-C", cwd ?? home, ...removed, ...set, ...argv].map(quoted)].join(
    " ",
  );
}

/** A word for the remote user's shell, to which ssh gives one line. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
