import { randomUUID } from "node:crypto";
import type { JobMachine } from "../machine/machine.ts";
import { parseEnv, parseKeyValues, prependPaths } from "./files.ts";
import type { Log } from "./log.ts";

export interface StepProcess {
  argv: string[];
  env: Record<string, string | undefined>;
  /** PATH before what earlier steps put in front of it is the environment's; this goes in front, first first. */
  paths: string[];
  cwd: string;
  /** RUNNER_TEMP. */
  temp: string;
  timeout?: number | undefined;
  log: Log;
}

export interface StepEffects {
  code: number | null;
  success: boolean;
  outputHeld: boolean;
  outputs: Map<string, string>;
  env: Map<string, string>;
  state: Map<string, string>;
  /** `paths` of the process with those of GITHUB_PATH in front. */
  paths: string[];
  summary: string;
}

/** Runs one process of a step with its five command files, and reads these however it ends. */
export async function runProcess(machine: JobMachine, step: StepProcess): Promise<StepEffects> {
  const id = randomUUID();
  const file = (kind: string) => `${step.temp}/_runner_file_commands/${kind}_${id}`;
  const files = {
    GITHUB_OUTPUT: file("set_output"),
    GITHUB_ENV: file("set_env"),
    GITHUB_PATH: file("add_path"),
    GITHUB_STATE: file("save_state"),
    GITHUB_STEP_SUMMARY: file("step_summary"),
  };
  await Promise.all(Object.values(files).map((path) => machine.files.write(path, "")));

  const path = [...step.paths, step.env.PATH].filter(Boolean).join(":");
  const { code, signal, timedOut, outputHeld } = await machine.exec(step.argv, {
    env: { ...step.env, PATH: path, ...files },
    cwd: step.cwd,
    onOutput: (text, stream) => step.log.write(text, stream),
    ...(step.timeout === undefined ? {} : { timeout: step.timeout }),
  });
  step.log.end();
  if (timedOut) step.log.error(`The action has timed out after ${step.timeout} ms.`);
  else if (signal) step.log.error(`The process was ended by ${signal}.`);

  let valid = true;
  const read = async <T>(name: keyof typeof files, parse: (text: string) => T, otherwise: T): Promise<T> => {
    try {
      return parse(await machine.files.read(files[name]));
    } catch (error) {
      step.log.error(`Unable to process file command '${name}' successfully.`);
      step.log.error((error as Error).message);
      valid = false;
      return otherwise;
    }
  };
  const outputs = await read("GITHUB_OUTPUT", parseKeyValues, new Map());
  const env = await read("GITHUB_ENV", parseEnv, new Map());
  const state = await read("GITHUB_STATE", parseKeyValues, new Map());
  const paths = await read("GITHUB_PATH", (text) => prependPaths(text, step.paths), step.paths);
  const summary = await read("GITHUB_STEP_SUMMARY", (text) => text, "");
  // Whatever the code of one that was killed in the middle of its start.
  const ended = timedOut ? null : code;
  return { code: ended, success: ended === 0 && valid, outputHeld, outputs, env, state, paths, summary };
}
