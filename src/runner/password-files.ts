import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ProgramError, type RunOptions, rootsPath, tryRunAsRoot } from "../exec.ts";
import { linesOf } from "../log.ts";

/** As long as usermod(8) waits for a lock, in milliseconds. */
const patience = 15_000;
const interval = 100;

/**
 * Adds a line to a file such as /etc/subuid, unless it is there; the file is. For machines without usermod(8): under the same lock
 * as that takes.
 *
 * @param wait milliseconds to wait for a lock
 * @throws {Error} naming who holds the lock
 */
export function addLine(file: string, line: string, wait = patience): Promise<void> {
  return edit(file, wait, async (lines, write) => {
    if (lines === undefined) throw new Error(`There is no ${file}`);
    if (lines.includes(line)) return;
    // What the last line's end leaves is empty; where it has no end, it gets one.
    await write(lines.at(-1) === "" ? [...lines.slice(0, -1), line, ""] : [...lines, line, ""]);
  });
}

/** Removes a line. A file without it, and one that is not there, stay so; errors as `addLine`. */
export function removeLine(file: string, line: string, wait = patience): Promise<void> {
  return edit(file, wait, async (lines, write) => {
    if (lines?.includes(line)) await write(lines.filter((one) => one !== line));
  });
}

/** undefined: there is no such file. */
async function textOf(file: string): Promise<string | undefined> {
  const output = await asRoot("cat", [file]);
  if (output.code === 0) return output.stdout;
  if (/no such file/i.test(output.stderr)) return undefined;
  throw new ProgramError("cat", [file], output);
}

type Write = (lines: readonly string[]) => Promise<void>;

async function edit(
  file: string,
  wait: number,
  change: (lines: readonly string[] | undefined, write: Write) => Promise<void>,
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "podman-rootless-"));
  try {
    await lock(file, scratch, wait);
    try {
      const text = await textOf(file);
      await change(text?.split("\n"), (lines) => replace(file, lines, scratch));
    } finally {
      await asRoot("rm", ["-f", `${file}.lock`]);
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/** Anew beside the file, with its owner and mode, so that a reader finds all of it at any time. */
async function replace(file: string, lines: readonly string[], scratch: string): Promise<void> {
  const text = join(scratch, "text");
  await writeFile(text, lines.join("\n"));
  // The name that shadow's own programs use, and write over.
  await mustRun("cp", ["--archive", "--no-target-directory", file, `${file}+`]);
  try {
    await mustRun("tee", [`${file}+`], { stdin: text });
    await mustRun("mv", ["--no-target-directory", `${file}+`, file]);
  } finally {
    await asRoot("rm", ["-f", `${file}+`]);
  }
}

/**
 * Takes the lock of passwd(5) and its like, as shadow's commonio.c does: FILE.lock is a hard link to a file with the pid
 * of its holder. One whose holder has ended is taken over.
 */
async function lock(file: string, scratch: string, wait: number): Promise<void> {
  const own = `${file}.${process.pid}`;
  const taken = `${file}.lock`;
  const pid = join(scratch, "pid");
  // Without a line's end, or the others do not take it for a number.
  await writeFile(pid, `${process.pid}`);
  await mustRun("tee", [own], { stdin: pid });
  try {
    const end = performance.now() + wait;
    for (;;) {
      const { code, stderr } = await asRoot("ln", ["--no-target-directory", own, taken]);
      if (code === 0) return;
      const holder = (await asRoot("cat", [taken])).stdout.replace(/\0/g, "").trim();
      if (/^\d+$/.test(holder) && !isAlive(holder)) await asRoot("rm", ["-f", taken]);
      else if (performance.now() > end) throw lockError(file, holder, stderr);
      else await sleep(interval);
    }
  } finally {
    await asRoot("rm", ["-f", own]);
  }
}

function lockError(file: string, holder: string, words: string): Error {
  return holder === ""
    ? new Error(`Cannot lock ${file}: ${linesOf(words).at(-1) ?? "no reason given"}`)
    : new Error(
        `${file} is locked by process ${holder} (${file}.lock); remove the lock if that is not an editor of it`,
      );
}

function isAlive(pid: string): boolean {
  try {
    return process.kill(Number(pid), 0);
  } catch (error) {
    // Otherwise it is another user's.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

const asRoot = (program: string, args: readonly string[], options: RunOptions = {}) =>
  tryRunAsRoot(program, args, { ...options, env: { PATH: rootsPath(), LC_ALL: "C" } });

async function mustRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<void> {
  const output = await asRoot(program, args, options);
  if (output.code !== 0) throw new ProgramError(program, args, output);
}
