import { spawn } from "node:child_process";

/** Where a program runs and what it gets. */
export interface RunOptions {
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Folder it runs in. */
  cwd?: string;
}

/** How much of a failed program's standard error its error shows. */
const SHOWN_BYTES = 4000;

/**
 * Runs a program and gives back its standard output as text.
 *
 * @throws Error with the command line, exit code and last lines of standard error when it fails.
 */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const output: Buffer[] = [];
    let complaint = "";
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-SHOWN_BYTES);
    });
    child.on("error", (error) =>
      reject(new Error(`Cannot run ${file}: ${error.message}. Run script/bootstrap.`)),
    );
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${[file, ...args].join(" ")}: ${signal ?? `exit code ${code}`}\n${complaint}`));
    });
  });
}

/**
 * Runs a program as root: directly, or through sudo without a password. The variables of `env` are passed on
 * by name, because sudo clears the environment.
 *
 * @throws Error as {@link run}.
 */
export function runAsRoot(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  if (process.getuid?.() === 0) return run(file, args, options);
  const variables = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  return run("sudo", ["-n", "env", ...variables, file, ...args], options);
}
