import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type ExecOptions, type ExecResult, execIn, launcher } from "./exec.ts";
import { type MachineFiles, machineFiles } from "./files.ts";
import { listProcesses, type Process } from "./processes.ts";

export interface Mount {
  /** A file or directory of the host. */
  source: string;
  /** Absolute, in the machine; made when missing. */
  target: string;
  /** Default: read-only. */
  writable?: boolean;
}

export interface MachineOptions {
  /** A Debian root, used read-only. */
  image: string;
  /** Where the machine's own files go: made when missing, the caller's to remove. Not on overlayfs. */
  directory: string;
  /** The prefix of a node 24 (it holds bin/node), shown at /opt/node24 as the runner's own. */
  node?: string;
  mounts?: Mount[];
  /** The one line of /etc/subuid and /etc/subgid, as "runner:100000:65536". Default: null, both files empty. */
  subordinateIds?: string | null;
  /** Of the user runner. Default: 1001. */
  uid?: number;
  /** For all commands whose own options name no user. Their own win, but for the variables. */
  exec?: ExecOptions;
}

/** What a job needs of the machine that it runs on. */
export interface JobMachine {
  /** Runs a command; never throws for what the command does. */
  exec(argv: string[], options?: ExecOptions): Promise<ExecResult>;
  /** All that runs in it, containers included, PID 1 first. */
  processes(): Process[] | Promise<Process[]>;
  readonly files: MachineFiles;
}

export interface Machine extends JobMachine {
  readonly name: string;
  /** PID 1, as the host knows it. */
  readonly pid: number;
  /** Whose the files of a job are: the user of commands that name none. */
  readonly owner: number;
  processes(): Process[];
  /** The host's path of an inside path below /home, /tmp or /var/tmp (mounts given at start: not seen there). */
  directory(path: string): string;
  /** The host's path of an inside path, through all that is mounted in the machine; for as long as it runs. */
  file(path: string): string;
  /** Ends everything in it. Throws when anything of it is left. Harmless when called again. */
  stop(): Promise<void>;
}

let started = 0;

/**
 * Starts a machine like a fresh GitHub-hosted runner: user `runner` (uid 1001) with passwordless sudo, cgroup v2
 * of its own, real file systems below /home, /tmp and /var/tmp. Needs root. It dies with this process.
 * A directory used before gives a machine with the files of then: a self-hosted runner's next job.
 */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  if (process.getuid?.() !== 0) throw new Error("startMachine: needs root. Run it with sudo.");
  if (!existsSync(join(options.image, "usr/bin/catatonit"))) {
    throw new Error(`startMachine: ${options.image} is no Debian root with catatonit in it`);
  }
  mkdirSync(options.directory, { recursive: true });
  const directory = realpathSync(options.directory);
  const name = `runner-${process.pid}-${++started}`;
  const child = spawn(launcher, ["run", ...launcherArguments(options, directory, name)], {
    detached: true, // Ctrl-C in a terminal: we end first, the launcher cleans up after us
    stdio: ["pipe", "pipe", "pipe"],
  });
  const pid = await ready(child);
  const cgroup = cgroupOf(pid);

  return {
    name,
    pid,
    owner: ownerOf(options),
    exec: (argv, own = {}) => {
      const both = { ...options.exec, ...own, env: { ...own.env, ...options.exec?.env } };
      return execIn(cgroup, pid, argv, own.user === undefined ? both : own);
    },
    processes: () => listProcesses(cgroup),
    files: machineFiles((path) => `/proc/${pid}/root${path}`, ownerOf(options)),
    directory: (path) => hostPath(directory, path),
    file: (path) => `/proc/${pid}/root${path}`,
    stop: async () => {
      await end(child);
      const left = [
        ...(existsSync(cgroup) ? [`cgroup ${cgroup}`] : []),
        ...(existsSync(`/proc/${pid}`) ? [`process ${pid}`] : []),
        ...hostMounts().filter((point) => point.startsWith(`${directory}/`)),
      ];
      if (left.length > 0) throw new Error(`machine ${name}: left behind: ${left.join(", ")}`);
    },
  };
}

function launcherArguments(options: MachineOptions, directory: string, name: string): string[] {
  const list = join(directory, "mounts");
  const lines = (options.mounts ?? []).map((mount) =>
    [realpathSync(mount.source), mount.target, mount.writable ? "rw" : "ro"].join("\t").concat("\n"),
  );
  writeFileSync(list, lines.join(""));
  const args = ["--image", realpathSync(options.image), "--directory", directory, "--name", name];
  if (options.node) args.push("--node", realpathSync(options.node));
  if (options.subordinateIds) args.push("--subordinate-ids", options.subordinateIds);
  if (options.uid !== undefined) args.push("--uid", String(options.uid));
  return lines.length > 0 ? [...args, "--mounts", list] : args;
}

function ownerOf({ exec, uid = 1001 }: MachineOptions): number {
  if (exec?.user === undefined || exec.user === "runner") return uid;
  return exec.user === "root" ? 0 : Number(exec.user);
}

/** The pid of PID 1, once the machine stands. */
async function ready(child: ChildProcess): Promise<number> {
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error("startMachine: no pipes");
  let errors = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  let pid = 0;
  for await (const line of createInterface(stdout)) {
    pid = Number(/^ready (\d+)$/.exec(line)?.[1] ?? 0);
    if (pid) break;
  }
  if (!pid) {
    await end(child);
    throw new Error(`startMachine: the machine did not start: ${errors.trim()}`);
  }
  // A forgotten machine must not keep us alive: it ends when we do.
  child.unref();
  for (const stream of [child.stdin, stdout, stderr])
    (stream as unknown as { unref?(): void } | null)?.unref?.();
  return pid;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  child.stdin?.end();
  await once(child, "exit");
}

/** The cgroup v2 directory of a process, as mounted on this host. */
function cgroupOf(pid: number): string {
  const mount = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .find((fields) => fields[2] === "cgroup2");
  const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
  if (!mount?.[1] || !path?.[1]) throw new Error("startMachine: no cgroup v2 on this host");
  return join(mount[1], path[1]);
}

function hostMounts(): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .flatMap((line) => line.split(" ")[1] ?? []);
}

function hostPath(directory: string, path: string): string {
  if (!/^\/(home|tmp|var\/tmp)(\/|$)/.test(path) || path.split("/").includes("..")) {
    throw new Error(`machine.directory: '${path}' is not below /home, /tmp or /var/tmp`);
  }
  return join(directory, path);
}
