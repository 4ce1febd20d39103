import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type CacheInputs, type Inputs, loadInputs, type NixInputs } from "../../src/inputs.ts";

/** What these tests read of action.yml. */
export interface ActionFile {
  inputs: Record<string, { description: string; default: string; deprecationMessage?: string }>;
  outputs: Record<string, { description: string }>;
}

export function readActionFile(): ActionFile {
  return parse(readFileSync(join(import.meta.dirname, "../../action.yml"), "utf8")) as ActionFile;
}

/** What the expressions in defaults come to while main runs. */
const expressions = new Map([
  ["$" + "{{ github.token }}", "ghs_token"],
  ["$" + "{{ job.status }}", "success"],
]);

/** What a step without `with:` gives the action: each default, with expressions evaluated. */
export function defaultValues(): Record<string, string> {
  const { inputs } = readActionFile();
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { default: value }]) => [name, expressions.get(value) ?? value]),
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
    nix: createNix(),
    runner: {
      storageDriver: "fuse-overlayfs",
      subordinateIds: undefined,
      appArmor: "profile",
      allowSingleId: false,
    },
    storageRoot: undefined,
    cache: createCache(),
    images: [],
    pull: "missing",
    socket: false,
    addToPath: false,
    dockerShim: false,
    doctor: false,
    summary: false,
    keep: true,
    ...overrides,
  };
}

/** What a step without `with:` says of Nix, with some of it replaced. */
export function createNix(overrides: Partial<NixInputs> = {}): NixInputs {
  return {
    mode: "auto",
    version: "2.34.7",
    tarball: undefined,
    githubToken: "",
    config: "",
    substituters: [],
    publicKeys: [],
    acceptFlakeConfig: false,
    cached: true,
    ...overrides,
  };
}

/** What a step without `with:` says of the cache, with some of it replaced. */
export function createCache(overrides: Partial<CacheInputs> = {}): CacheInputs {
  return {
    mode: "auto",
    name: "default",
    unpack: false,
    images: [],
    limit: 5_000_000_000,
    onFailure: false,
    failOnMiss: false,
    lookupOnly: false,
    saveSeconds: 600,
    cacheMounts: false,
    cacheVolumes: [],
    ...overrides,
  };
}
