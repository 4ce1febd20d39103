import { stripVTControlCharacters } from "node:util";
import * as core from "@actions/core";

/** How one stage of this process went; times are milliseconds since 1970. */
export interface StageTime {
  name: string;
  begin: number;
  end: number;
  /** It ended with an error. */
  failed: boolean;
}

const times: StageTime[] = [];

/** The stages of this process that have ended. */
export const stageTimes = (): readonly StageTime[] => times;

/** Runs one stage in a group of the log, and says after it how long it took. */
export async function stage<T>(name: string, work: () => Promise<T>): Promise<T> {
  const begin = Date.now();
  let failed = true;
  core.startGroup(name);
  try {
    const result = await work();
    failed = false;
    return result;
  } finally {
    const end = Date.now();
    times.push({ name, begin, end, failed });
    core.endGroup();
    info(`${name}: ${failed ? "failed after " : ""}${((end - begin) / 1000).toFixed(1)} s`);
  }
}

/**
 * Shows a text in the log. It may be what a program, a registry or a flake said: no line of it is a command to the runner,
 * which would take them from anybody's words. (A warning or an error is one command, and @actions/core sees to its text.)
 */
export const info = (text: string): void => core.info(inert(text));

/**
 * A text without the runner's commands: these are lines that begin with "::", behind any white space, and "##[" anywhere.
 * Characters that a comparison of strings may pass over are gone, but for tabs.
 *
 * @see https://github.com/actions/runner/blob/v2.330.0/src/Runner.Common/ActionCommand.cs TryParseV2, TryParse
 */
export function inert(text: string): string {
  return stripVTControlCharacters(text)
    .split(/\r\n|[\r\n\v\f\u0085\u2028\u2029]/)
    .map((line) =>
      line
        .replace(/(?!\t)[\p{Cc}\p{Cf}]/gu, "")
        .replace(/^\s*::/, (start) => `${start.slice(0, -1)} :`)
        .replaceAll("##[", "## ["),
    )
    .join("\n");
}

/** The words of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The lines of what a program said, without the blank ones. */
export const linesOf = (text: string): string[] => text.split("\n").filter((line) => line.trim() !== "");

/** The last three of these in one line, for an error's message; empty where there is none. */
export const lastWords = (text: string): string => linesOf(text).slice(-3).join("; ");

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** @param bytes a size in bytes; the text is in decimal units, as registries and GitHub give them */
export function formatBytes(bytes: number): string {
  let power = 0;
  // As rounded: 999,950 bytes are 1.0 MB, not 1000.0 kB.
  while (power < units.length - 1 && Number((bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)) >= 1000)
    power += 1;
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
