import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { warning } from "@actions/core";
import { type Output, ProgramError, type RunOptions, tryRun } from "../exec.ts";
import { info } from "../log.ts";
import { type Nix, onMachine } from "./find.ts";
import { parseEvent } from "./internal-json.ts";
import { hear, startMessages } from "./messages.ts";
import { advance, describe, startProgress, summary } from "./progress.ts";
import { currentSystem } from "./releases.ts";
import { reasonOf, type SourceBuild, sourceBuild } from "./source-builds.ts";

export interface NixOptions extends Omit<RunOptions, "onError"> {
  /** Show what Nix says, errors too, in the log as it comes. Warnings, and what takes long, show in any case. */
  show?: boolean;
}

/** Milliseconds from one line of what a command is at to the next. */
const interval = 5000;

/** Where Nix looks for settings by itself, unless the job says otherwise. */
const usersConfig = (): string =>
  process.env.NIX_USER_CONF_FILES ||
  join(process.env.XDG_CONFIG_HOME || join(process.env.HOME ?? "/", ".config"), "nix", "nix.conf");

/** NIX_USER_CONF_FILES with ours in front: earlier files win over later ones. */
export const configFiles = (configFile: string | undefined): string =>
  [...new Set([configFile, ...usersConfig().split(":")])].filter((file) => file).join(":");

const environmentOf = (nix: Nix, { env }: NixOptions): NonNullable<RunOptions["env"]> => ({
  // Git would wait for an answer that nobody gives.
  GIT_TERMINAL_PROMPT: "0",
  ...env,
  NIX_USER_CONF_FILES: configFiles(nix.configFile),
});

/**
 * Runs `nix ARGS` and returns its standard output.
 *
 * @throws {ProgramError} when it ends with another code than 0
 */
export async function runNix(nix: Nix, args: readonly string[], options: NixOptions = {}): Promise<string> {
  const output = await tryNix(nix, args, options);
  if (output.code !== 0) throw new ProgramError(join(nix.bin, "nix"), args, output);
  return output.stdout;
}

/**
 * Runs `nix ARGS` and returns how it ended; its standard error as text. A command that takes long says every few
 * seconds what it is at, and one that would compile podman says so before it does.
 */
export const tryNix = (nix: Nix, args: readonly string[], options?: NixOptions) =>
  tryProgram(nix, "nix", args, options);

/** As `tryNix`, of `nix-store ARGS`. */
export const tryNixStore = (nix: Nix, args: readonly string[], options?: NixOptions) =>
  tryProgram(nix, "nix-store", args, options);

async function tryProgram(
  nix: Nix,
  program: string,
  args: readonly string[],
  options: NixOptions = {},
): Promise<Output> {
  const { show = false, ...rest } = options;
  const progress = startProgress(Date.now());
  const messages = startMessages();
  const warnings: Promise<void>[] = [];
  let isLong = false;
  let known = 0;
  const timer = setInterval(() => {
    isLong = true;
    info(describe(progress, Date.now()));
  }, interval);
  const onError = (line: string) => {
    const event = parseEvent(line);
    const text = hear(messages, line, event);
    if (text?.startsWith("warning:")) warnOnce(text);
    else if (text !== undefined && show) info(text);
    if (event === undefined) return;
    advance(progress, event, Date.now());
    // Those that Nix lists come together; anything else it says ends the list.
    if (event.action !== "msg") lookAtDerivations();
  };
  const lookAtDerivations = () => {
    const derivations = [...messages.derivations].slice(known);
    known = messages.derivations.size;
    if (derivations.length > 0) warnings.push(warn(derivations));
  };
  let told = false;
  const warn = async (derivations: string[]) => {
    const builds = told ? [] : await sourceBuilds(nix, derivations);
    // Older versions name no more than the next: one is enough.
    if (told || builds.length === 0) return;
    told = true;
    const all = [...(await configuredSubstituters(nix, options)), ...messages.substituters];
    const { cause, remedy } = reasonOf(builds, currentSystem(), [...new Set(all.map(withoutSlash))]);
    warning(`${cause}. ${remedy}.`);
  };
  try {
    const all = ["--log-format", "internal-json", ...args];
    const env = environmentOf(nix, options);
    const { code, stdout } = await tryRun(join(nix.bin, program), all, { ...rest, env, onError });
    lookAtDerivations();
    await Promise.all(warnings);
    return { code, stdout, stderr: messages.lines.map((line) => `${line}\n`).join("") };
  } finally {
    clearInterval(timer);
    if (isLong) info(summary(progress, Date.now()));
  }
}

const warned = new Set<string>();

/** Nix warns of the same thing in each command, as of a checkout with changes. */
function warnOnce(text: string): void {
  if (!warned.has(text)) info(text);
  warned.add(text);
}

const withoutSlash = (url: string): string => url.replace(/\/$/, "");

async function sourceBuilds(nix: Nix, derivations: string[]): Promise<SourceBuild[]> {
  const read = async (path: string) =>
    sourceBuild(path, await readFile(onMachine(nix, path), "utf8").catch(() => ""));
  return (await Promise.all(derivations.map(read))).filter((build) => build !== undefined);
}

/** Without those that a flake names: Nix has told which of these it asked. */
async function configuredSubstituters(nix: Nix, options: NixOptions): Promise<string[]> {
  const args = ["show-config", "--json"];
  const { stdout } = await tryRun(join(nix.bin, "nix"), args, { env: environmentOf(nix, options) });
  try {
    return (JSON.parse(stdout) as { substituters?: { value?: string[] } }).substituters?.value ?? [];
  } catch {
    return [];
  }
}
