import { tryNix } from "../nix/commands.ts";
import type { Nix } from "../nix/nix.ts";
import type { System } from "../nix/releases.ts";
import { flakeError } from "./errors.ts";
import { isAbsent, type LockedFlake } from "./resolve.ts";

/** An attribute of a flake that may have podman. */
export interface Candidate {
  /** Attribute path, such as "packages.x86_64-linux.rootfs". */
  attribute: string;
  /** A package is built. Of a development shell the programs on its PATH are taken. */
  kind: "package" | "shell";
}

/** In this order: the FHS root alone where a flake offers it, else a package that brings one along. */
const wanted = ["rootfs", "default", "podman"] as const;

/** The attributes to try, likeliest first; some of them may not be there. */
export async function candidates(nix: Nix, flake: LockedFlake, system: System): Promise<Candidate[]> {
  const names = await attributeNames(nix, flake, `packages.${system}`);
  return [
    ...wanted.filter((name) => names.includes(name)).map((name) => packaged(`packages.${system}.${name}`)),
    // Whether these are there is asked when it is their turn, which few flakes need.
    packaged(`defaultPackage.${system}`),
    shell(`devShells.${system}.default`),
    shell(`devShell.${system}`),
  ];
}

/** @param attribute as a user gives it: Nix looks for a name among the packages first */
export function namedCandidates(attribute: string, system: System): Candidate[] {
  if (/^devShells?(\.|$)/.test(attribute)) return [shell(attribute)];
  return [
    packaged(attribute),
    ...(attribute.includes(".") ? [] : [shell(`devShells.${system}.${attribute}`)]),
  ];
}

const packaged = (attribute: string): Candidate => ({ attribute, kind: "package" });
const shell = (attribute: string): Candidate => ({ attribute, kind: "shell" });

/** Whether a flake has a candidate, as far as can be said without evaluating it; Nix itself would say so as an error. */
export async function mayBeThere(
  nix: Nix,
  flake: LockedFlake,
  { attribute, kind }: Candidate,
): Promise<boolean> {
  if (kind === "package" && !attribute.startsWith("defaultPackage.")) return true;
  const parts = attribute.split(".");
  const name = parts.pop() ?? "";
  return parts.length === 0 || (await attributeNames(nix, flake, parts.join("."))).includes(name);
}

/** @throws {Error} in Nix's own words for attributes that do not evaluate */
async function attributeNames(nix: Nix, { url }: LockedFlake, path: string): Promise<string[]> {
  const installable = `${url}#${path}`;
  const output = await evaluate(nix, installable, "builtins.attrNames");
  if (output.code === 0) return JSON.parse(output.stdout) as string[];
  if (isAbsent(output.stderr)) return [];
  throw flakeError(`Cannot evaluate ${installable}`, output.stderr, nix);
}

/** Names of what a flake offers, by kind and system; a kind that is not there, or does not evaluate, has none. */
export interface Inventory {
  packages: Record<string, string[]>;
  devShells: Record<string, string[]>;
  /** Systems. */
  defaultPackage: string[];
  /** Systems. */
  devShell: string[];
}

/** What there is instead of what was looked for. */
export async function inventory(nix: Nix, { url }: LockedFlake): Promise<Inventory> {
  const read = async <T>(output: string, apply: string, none: T): Promise<T> => {
    const { code, stdout } = await evaluate(nix, `${url}#${output}`, apply);
    return code === 0 ? (JSON.parse(stdout) as T) : none;
  };
  const nested = "builtins.mapAttrs (_: builtins.attrNames)";
  return {
    packages: await read("packages", nested, {}),
    devShells: await read("devShells", nested, {}),
    defaultPackage: await read("defaultPackage", "builtins.attrNames", []),
    devShell: await read("devShell", "builtins.attrNames", []),
  };
}

const evaluate = (nix: Nix, installable: string, apply: string) =>
  tryNix(nix, ["eval", "--json", "--no-write-lock-file", "--apply", apply, installable]);

/** A flake's attributes for a system, in one line; undefined where it has none for it. */
export function describe(there: Inventory, system: System): string | undefined {
  const names = [
    ...(there.packages[system] ?? []).map((name) => `packages.${system}.${name}`),
    ...(there.defaultPackage.includes(system) ? [`defaultPackage.${system}`] : []),
    ...(there.devShells[system] ?? []).map((name) => `devShells.${system}.${name}`),
    ...(there.devShell.includes(system) ? [`devShell.${system}`] : []),
  ];
  return names.length === 0 ? undefined : names.join(", ");
}

/** The systems that a flake has anything for. */
export const systemsOf = (there: Inventory): string[] =>
  [
    ...new Set([
      ...Object.keys(there.packages),
      ...Object.keys(there.devShells),
      ...there.defaultPackage,
      ...there.devShell,
    ]),
  ].sort();
