import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { debug, isDebug } from "@actions/core";
import { getExecOutput } from "@actions/exec";
import { lastWords } from "./log.ts";
import { quote } from "./quote.ts";
import { withoutSecrets } from "./secrets.ts";

export interface RunOptions {
  cwd?: string;
  /** Variables laid over this process's own; `undefined` removes one. */
  env?: Record<string, string | undefined>;
  /** Path of a file for the program's standard input, which is empty otherwise. */
  stdin?: string;
  /** Called with each line of the program's standard error as it comes, without its end. */
  onError?: (line: string) => void;
}

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** As a shell counts, without the signal's number. */
const endedBySignal = 128;

/** A program that ended with another code than 0. The message is one line, with the program's last words. */
export class ProgramError extends Error {
  readonly output: Output;

  constructor(program: string, args: readonly string[], output: Output) {
    const command = [program, ...args.slice(0, 3)].join(" ");
    super(`${command} failed with exit code ${output.code}: ${lastWords(output.stderr)}`);
    this.name = "ProgramError";
    this.output = output;
  }
}

/**
 * Runs a program and returns its standard output.
 *
 * @throws {ProgramError} when it ends with another code than 0
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const output = await tryRun(program, args, options);
  if (output.code !== 0) throw new ProgramError(program, args, output);
  return output.stdout;
}

/** As `tryRun`, as root: by sudo without a password where the user is not root. */
export function tryRunAsRoot(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Output> {
  return process.getuid?.() === 0
    ? tryRun(program, args, options)
    : tryRun("sudo", ["--non-interactive", program, ...args], options);
}

/** For programs of root's, which are not on every user's PATH. */
export const rootsPath = (): string => `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;

/** Runs a program and returns how it ended. A program that cannot be started ends with code 127, as in a shell. */
export async function tryRun(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Output> {
  const env = environmentOf(options);
  const errors = splitLines(options.onError ?? (() => {}));
  const ended = trace(program, args);
  try {
    // The shell is for the redirection alone: by itself the library leaves a pipe open, for which a program that
    // reads would wait, and does not survive a program that ends without reading what is piped to it.
    const redirected = ["-c", 'exec "$@" <"$0"', options.stdin ?? "/dev/null", program, ...args];
    const { exitCode, stdout, stderr } = await getExecOutput("/bin/sh", redirected, {
      env,
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      silent: true,
      ignoreReturnCode: true,
      ...(options.onError !== undefined && { listeners: { stderr: errors.take } }),
    });
    errors.end();
    // The library has no code for a program that a signal ended.
    return ended({ code: exitCode ?? endedBySignal, stdout, stderr });
  } catch (error) {
    return ended({ code: 127, stdout: "", stderr: String(error) });
  }
}

let traced = 0;

/**
 * With debug logging on, says what is run, and when it has ended how and after how long. Programs run side by side, so
 * that both lines have a number in common.
 *
 * @returns passes on how it ended
 */
function trace(program: string, args: readonly string[]): (output: Output) => Output {
  if (!isDebug()) return (output) => output;
  traced += 1;
  const number = traced;
  const begun = performance.now();
  debug(`[${number}] run ${withoutSecrets([program, ...args].map(quote).join(" "))}`);
  return (output) => {
    const seconds = ((performance.now() - begun) / 1000).toFixed(3);
    debug(`[${number}] exit code ${output.code} after ${seconds} s`);
    return output;
  };
}

function environmentOf(options: RunOptions): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ...options.env })) {
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/**
 * Runs a program with what a source gives as its standard input, at the pace at which the program reads. The source is
 * read to its end, also where the program ends before: what the source says of itself comes first.
 *
 * @throws {ProgramError} when the program ends with another code than 0
 * @throws whatever the source does; the program has ended by then
 */
export async function pipeInto(
  program: string,
  args: readonly string[],
  source: AsyncIterable<Uint8Array>,
  options: Omit<RunOptions, "stdin" | "show"> = {},
): Promise<string> {
  const traceEnd = trace(program, args);
  const child = spawn(program, args, {
    stdio: "pipe",
    env: environmentOf(options),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  // EPIPE of a program that reads no more: how it ends says why.
  child.stdin.on("error", () => {});
  const ended = endOf(child);
  try {
    for await (const chunk of source) {
      if (child.stdin.writable && !child.stdin.write(chunk)) await canWrite(child.stdin, ended);
    }
    child.stdin.end();
  } catch (error) {
    child.kill("SIGKILL");
    traceEnd(await ended);
    throw error;
  }
  const output = traceEnd(await ended);
  if (output.code !== 0) throw new ProgramError(program, args, output);
  return output.stdout;
}

/** As `tryRun` gives it. */
function endOf(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<Output> {
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: 127, stdout: "", stderr: String(error) }));
    child.once("close", (code) => resolve({ code: code ?? endedBySignal, ...texts }));
  });
}

/** Until a stream takes more, or never will. */
const canWrite = (stream: Writable, ended: Promise<unknown>): Promise<unknown> =>
  Promise.race([
    ended,
    new Promise<void>((resolve) => {
      const done = () => {
        stream.off("drain", done).off("close", done);
        resolve();
      };
      stream.on("drain", done).on("close", done);
    }),
  ]);

/** Calls `onLine` with the lines of a stream of UTF-8, however it is cut into pieces. */
function splitLines(onLine: (line: string) => void): { take: (data: Buffer) => void; end: () => void } {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const take = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
  const end = () => {
    take(decoder.end());
    if (rest !== "") onLine(rest);
  };
  return { take: (data) => take(decoder.write(data)), end };
}
