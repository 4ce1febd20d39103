import { ProgramError } from "../exec.ts";
import type { Nix } from "../nix/nix.ts";
import { runNix, tryNix } from "../nix/nix.ts";
import type { System } from "../nix/releases.ts";
import { flakeError } from "./errors.ts";
import type { FlakeReference } from "./reference.ts";

export interface LockedFlake {
  /** Locked reference: evaluates to the same outputs everywhere. */
  url: string;
  /** Commit, or content hash where the flake has no commit. */
  rev: string;
}

/** Fields of `nix flake metadata --json` that are used here. */
interface Metadata {
  url?: string;
  resolvedUrl?: string;
  revision?: string;
  locked?: { rev?: string; narHash?: string };
}

/** @throws {Error} with Nix's own last words when the flake cannot be fetched or read */
export async function lockFlake(nix: Nix, reference: FlakeReference): Promise<LockedFlake> {
  const output = await tryNix(nix, ["flake", "metadata", "--json", "--no-write-lock-file", reference.url]);
  if (output.code !== 0) throw flakeError(`Cannot read the flake ${reference.url}`, output.stderr);
  return parseMetadata(output.stdout, reference.url);
}

/** @param json what `nix flake metadata --json` prints */
export function parseMetadata(json: string, reference: string): LockedFlake {
  const metadata = JSON.parse(json) as Metadata;
  const rev = metadata.revision ?? metadata.locked?.rev ?? metadata.locked?.narHash ?? "";
  // A path is locked by its content, and Nix may not take such a URL back: it stays as given.
  const url = reference.startsWith("path:") ? reference : (metadata.url ?? metadata.resolvedUrl ?? reference);
  return { url, rev };
}

/** In this order: the FHS root alone where a flake offers it, else a package that brings one along. */
const wanted = ["rootfs", "default", "podman"] as const;

/**
 * The attribute paths that may have podman, such as "packages.x86_64-linux.rootfs"; likeliest first.
 *
 * @throws {Error} listing the packages there are, when none of them may
 */
export async function candidateAttributes(nix: Nix, flake: LockedFlake, system: System): Promise<string[]> {
  const packages = `${flake.url}#packages.${system}`;
  const names = await evaluateNames(nix, packages, "builtins.attrNames");
  // Nothing more to evaluate for a flake like ours.
  if (names.includes("rootfs")) return [`packages.${system}.rootfs`];
  const there = wanted.filter((name) => names.includes(name));
  // Some flakes nest their packages once too often: a default that is no derivation cannot be built.
  const derivations =
    there.length === 0
      ? []
      : await evaluateNames(
          nix,
          packages,
          `packages: builtins.filter (name: (packages.\${name}.type or null) == "derivation") [ ${there.map((name) => `"${name}"`).join(" ")} ]`,
        );
  if (derivations.length > 0) return derivations.map((name) => `packages.${system}.${name}`);
  const systems = await evaluateNames(nix, `${flake.url}#defaultPackage`, "builtins.attrNames");
  if (systems.includes(system)) return [`defaultPackage.${system}`];
  throw new Error(
    `The flake ${flake.url} has no podman for ${system}: none of the packages ${wanted.join(", ")}. It has: ${names.join(", ") || "none"}. Name one with flake: ${flake.url}#ATTRIBUTE`,
  );
}

/** What a function makes of an attribute set, a list of names; nothing where the set is not there. */
async function evaluateNames(nix: Nix, installable: string, apply: string): Promise<string[]> {
  const output = await tryNix(nix, ["eval", "--json", "--no-write-lock-file", "--apply", apply, installable]);
  if (output.code === 0) return JSON.parse(output.stdout) as string[];
  if (/does not provide attribute/.test(output.stderr)) return [];
  throw flakeError(`Cannot evaluate ${installable}`, output.stderr);
}

/**
 * Builds, or fetches from a binary cache, and keeps the result from garbage collection.
 *
 * @param link path of the symlink by which the store path is a root of the garbage collector
 * @returns the store path of the output
 */
export async function build(nix: Nix, flake: LockedFlake, attribute: string, link: string): Promise<string> {
  const installable = `${flake.url}#${attribute}`;
  try {
    const json = await runNix(
      nix,
      ["build", "--json", "--no-write-lock-file", "--out-link", link, installable],
      { show: true },
    );
    const [result] = JSON.parse(json) as { outputs: Record<string, string> }[];
    const path = result?.outputs.out ?? Object.values(result?.outputs ?? {})[0];
    if (path === undefined) throw new Error(`Nix built ${installable} but named no output: ${json}`);
    return path;
  } catch (error) {
    if (error instanceof ProgramError) throw flakeError(`Cannot build ${installable}`, error.output.stderr);
    throw error;
  }
}
