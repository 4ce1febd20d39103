import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { killDescendants } from "./processes.ts";

export const launcher = fileURLToPath(new URL("machine.sh", import.meta.url));

export interface ExecOptions {
  /** A name, or a uid that need have none. Default: runner. */
  user?: string;
  /**
   * A program with its arguments that becomes the command in the end, such as setpriv or chroot. Root runs it, before the
   * command's user is set: so a command can be without something that sudo would give back.
   */
  wrapper?: string[];
  /** Added to a login's own few variables; undefined removes one. */
  env?: Record<string, string | undefined>;
  /** Inside the machine. Default: the user's home. */
  cwd?: string;
  /** What it reads on standard input. Default: nothing, /dev/null. */
  input?: string;
  /** Milliseconds, after which the command and its descendants are killed. */
  timeout?: number;
  /** Called with each piece of output as it comes. */
  onOutput?: (text: string, stream: "stdout" | "stderr") => void;
}

export interface ExecResult {
  /** The exit code; null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  /** True when something it left behind still held its output open five seconds after its end. */
  outputHeld: boolean;
}

/** How long GitHub's runner waits for the output's end once a process has ended (its ProcessInvoker). */
const OUTPUT_GRACE = 5000;

/**
 * Runs a command in the machine whose PID 1 is `pid` (host's number), in a session of its own, with an environment
 * that holds nothing of ours. Resolves however the command ends; 127 and a line on stderr when there is no such
 * command.
 */
export function execIn(
  cgroup: string,
  pid: number,
  argv: string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  const user = options.user ?? "runner";
  const named = !/^\d+$/.test(user);
  const home = user === "root" ? "/root" : `/home/${named ? user : "runner"}`;
  const env = Object.entries({ ...loginEnv(user, home), ...options.env });
  const assignments = env
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);
  const groups = named ? "--init-groups" : "--clear-groups";
  const identity = ["setpriv", "--reuid", user, "--regid", user, groups, "--inh-caps=-all"];
  const before = [...(options.wrapper ?? []), ...identity];
  const environment = ["setsid", "env", "-C", options.cwd ?? home, "-i", ...assignments];
  const child = spawn(launcher, ["exec", cgroup, String(pid), ...before, ...environment, ...argv], {
    detached: true, // no terminal of ours reaches in
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });

  const result: ExecResult = {
    code: null,
    signal: null,
    stdout: "",
    stderr: "",
    timedOut: false,
    outputHeld: false,
  };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      result[stream] += text;
      options.onOutput?.(text, stream);
    });
  }
  child.stdin?.on("error", () => {}); // a command need not read what it is given
  child.stdin?.end(options.input);

  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        result.timedOut = true;
        if (child.pid !== undefined) killDescendants(child.pid); // nsenter then ends as the command did
      },
      options.timeout ?? 2 ** 31 - 1,
    );
    let grace: NodeJS.Timeout | undefined;
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      Object.assign(result, { code, signal });
      grace = setTimeout(() => {
        result.outputHeld = true;
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, OUTPUT_GRACE);
    });
    child.on("close", () => {
      clearTimeout(timer);
      clearTimeout(grace);
      resolve(result);
    });
  });
}

function loginEnv(user: string, home: string): Record<string, string> {
  return {
    HOME: home,
    USER: user,
    LOGNAME: user,
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  };
}
