import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type Inputs, loadInputs } from "../../src/inputs.ts";

/** What these tests read of action.yml. */
export interface ActionFile {
  inputs: Record<string, { description: string; default: string }>;
  outputs: Record<string, { description: string }>;
}

export function readActionFile(): ActionFile {
  return parse(readFileSync(join(import.meta.dirname, "../../action.yml"), "utf8")) as ActionFile;
}

/** What a step without `with:` gives the action: each default, with the expression of the token evaluated. */
export function defaultValues(): Record<string, string> {
  const { inputs } = readActionFile();
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { default: value }]) => [
      name,
      value.replace("$" + "{{ github.token }}", "ghs_token"),
    ]),
  );
}

/** Loads a step's `with:`, laid over the defaults of action.yml. */
export function loadWith(values: Record<string, string>): Inputs {
  const all = { ...defaultValues(), ...values };
  return loadInputs((name) => all[name] ?? "");
}

/** The inputs of a step without `with:`, with some of them replaced. */
export function createInputs(overrides: Partial<Inputs> = {}): Inputs {
  return {
    flake: undefined,
    nixVersion: "2.34.7",
    nixTarball: undefined,
    githubToken: "",
    storageDriver: "fuse-overlayfs",
    storageRoot: undefined,
    cache: true,
    cacheKey: "default",
    socket: false,
    dockerShim: false,
    ...overrides,
  };
}
