import { access, constants, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { within } from "../../deadline.ts";
import { type Output, tryRun } from "../../exec.ts";
import type { Probe, Program } from "../facts.ts";
import { reasonIn, reasonOf } from "./words.ts";

/** Far more than most programs need, even on a busy machine. */
const usual = 5;

/** timeout(1)'s own exit code. */
const late = 124;

/**
 * Runs a program that may hang, and ends it then. Never throws; a program that cannot be started, or not be ended,
 * has an exit code other than 0 as well.
 */
export async function attempt(program: string, args: readonly string[], seconds = usual): Promise<Output> {
  try {
    // Reasons in English: they go into messages, and some are recognized.
    const work = tryRun("timeout", [`${seconds}`, program, ...args], { env: { LC_ALL: "C" } });
    const output = await within(seconds + 1, program, work);
    return output.code === late ? { ...output, stderr: `${program} took longer than ${seconds} s` } : output;
  } catch (error) {
    return { code: late, stdout: "", stderr: reasonOf(error) };
  }
}

/** How `attempt` went. */
export async function probe(program: string, args: readonly string[]): Promise<Probe> {
  const { code, stderr } = await attempt(program, args);
  return code === 0 || { error: reasonIn(stderr) ?? `${program} ended with exit code ${code}` };
}

/** Directories of programs that only root needs, to which users' PATHs do not lead everywhere. */
const forRoot = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Absolute path of the first program of that name on PATH. */
export function findProgram(name: string): Promise<string | undefined> {
  return findIn(name, (process.env.PATH ?? "").split(delimiter));
}

/** As `findProgram`, then in the directories of programs for root. */
export async function findRootProgram(name: string): Promise<string | undefined> {
  return (await findProgram(name)) ?? (await findIn(name, forRoot));
}

async function findIn(name: string, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories.filter(isAbsolute)) {
    const path = join(directory, name);
    try {
      await access(path, constants.X_OK);
      if ((await stat(path)).isFile()) return path;
    } catch {
      // not there, or not for this user
    }
  }
  return undefined;
}

/** The program of that name on PATH, with the version that it says. */
export async function versionOf(name: string): Promise<Program | undefined> {
  const path = await findProgram(name);
  if (path === undefined) return undefined;
  const { stdout } = await attempt(path, ["--version"]);
  return { path, version: parseVersion(stdout) ?? "unknown" };
}

/** @param text such as "podman version 4.9.3" */
export const parseVersion = (text: string): string | undefined =>
  /\bversion\s+v?(\d+\.\d\S*)/i.exec(text)?.[1];
