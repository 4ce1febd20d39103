import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { info } from "../log.ts";
import type { Nix } from "../nix/nix.ts";
import type { System } from "../nix/releases.ts";
import { findContents, rootsOf } from "./contents.ts";
import {
  type Candidate,
  candidates,
  describe,
  inventory,
  mayBeThere,
  namedCandidates,
  systemsOf,
} from "./probe.ts";
import type { Kept } from "./record.ts";
import { build, keepPaths, type LockedFlake, shellPath, type Tried } from "./resolve.ts";
import { storePathOf } from "./store-files.ts";

/**
 * Tries what may have podman, until something has.
 *
 * @param attribute as given; undefined: the usual ones, in the order of {@link candidates}
 * @param links directory for the links that keep what is found from garbage collection
 * @throws {Error} naming what was tried, and why each was no good
 */
export async function search(
  nix: Nix,
  flake: LockedFlake,
  attribute: string | undefined,
  system: System,
  links: string,
): Promise<Kept> {
  const problems: [attribute: string, problem: string][] = [];
  const list =
    attribute === undefined ? await candidates(nix, flake, system) : namedCandidates(attribute, system);
  await mkdir(links, { recursive: true });
  for (const candidate of list) {
    if (!(await mayBeThere(nix, flake, candidate))) continue;
    const tried = await tryCandidate(nix, flake, candidate, links);
    if ("contents" in tried) return tried;
    if ("absent" in tried) continue;
    problems.push([candidate.attribute, tried.problem]);
    info(`Not taken: ${candidate.attribute}. ${tried.problem}`);
  }
  throw await noPodman(nix, flake, attribute, system, problems);
}

async function tryCandidate(
  nix: Nix,
  flake: LockedFlake,
  { attribute, kind }: Candidate,
  links: string,
): Promise<Tried<Kept>> {
  const built = join(links, "built");
  const tried = await (kind === "package"
    ? build(nix, flake, attribute, built)
    : shellPath(nix, flake, attribute));
  if (!("output" in tried) && !("path" in tried)) return tried;
  const outputs = "output" in tried ? [tried.output] : [...new Set(tried.path.map(storePathOf))];
  const contents =
    outputs.length === 0
      ? undefined
      : await findContents(nix, outputs, "path" in tried ? tried.path : undefined);
  if (contents === undefined) {
    const where = kind === "package" ? "neither the package nor a path it refers to" : "nothing on its PATH";
    return { problem: `${where} has podman` };
  }
  const roots = rootsOf(contents);
  if (kind === "shell" || roots.some((root) => !outputs.includes(root)))
    await keepPaths(nix, roots, join(links, "kept"));
  return { contents, attribute };
}

async function noPodman(
  nix: Nix,
  flake: LockedFlake,
  attribute: string | undefined,
  system: System,
  problems: readonly [string, string][],
): Promise<Error> {
  const { url } = flake;
  const [only] = problems;
  // These name the attribute themselves.
  const whole = (problem: string) => problem.startsWith("Cannot ");
  if (problems.length === 1 && only !== undefined && whole(only[1])) return new Error(only[1]);
  if (only !== undefined) {
    const reasons = problems
      .map(([tried, problem]) => (whole(problem) ? problem : `${tried}: ${problem}`))
      .join("; ");
    return new Error(
      `The flake ${url} has no podman that can be used: ${reasons}. Name another attribute with flake: ${url}#ATTRIBUTE`,
    );
  }
  const there = await inventory(nix, flake);
  const attributes = describe(there, system);
  const systems = systemsOf(there);
  if (attributes === undefined && systems.length > 0)
    return new Error(
      `The flake ${url} is not for ${system}: it is for ${systems.join(", ")}. Add that system to its outputs, or run the job on such a machine.`,
    );
  const what = attribute === undefined ? "podman" : `attribute ${attribute}`;
  return new Error(
    `The flake ${url} has no ${what} for ${system}. It has: ${attributes ?? "no packages and no development shells"}. Name one with flake: ${url}#ATTRIBUTE`,
  );
}
