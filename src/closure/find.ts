import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isFeatureAvailable } from "@actions/cache";
import { warning } from "@actions/core";
import { cachePolicy } from "../cache/policy.ts";
import { absent, clearTransit, fetchEntry } from "../cache/restore.ts";
import { type FlakeReference, parseReference } from "../flake/reference.ts";
import type { LockedFlake } from "../flake/resolve.ts";
import { info, messageOf } from "../log.ts";
import { findNix, type Nix } from "../nix/find.ts";
import { readGround } from "./ground.ts";
import { identify } from "./identity.ts";
import { closureDigest, closureKey } from "./key.ts";
import { type ClosureRequest, fits, type Plan, planFor } from "./plan.ts";
import { type KeptRecord, readKept } from "./record.ts";
import { type Fetched, sizeOf } from "./restore.ts";

/** What is known of the closure before anything is changed on the machine. */
export interface ClosureSearch {
  request: ClosureRequest;
  reference: FlakeReference;
  /** Undefined: only Nix can tell what the flake is. */
  plan: Plan | undefined;
  /** What an earlier job on this machine has left. */
  kept?: KeptRecord;
  /** What the cache has. */
  fetched?: Fetched;
}

/**
 * Looks for the store paths of the environment, and of Nix where the machine has none: what an earlier job has left on
 * this machine, or saved to the cache, from where they are fetched. A fault is a warning, never an error.
 *
 * @returns undefined where they are not to be cached
 */
export async function findClosure(request: ClosureRequest): Promise<ClosureSearch | undefined> {
  const { flake, nix } = request;
  if (!nix.cached) return undefined;
  const reference = parseReference(flake, request.action, request.workspace);
  const [identity, found, ground] = await Promise.all([
    identify(reference, flake === undefined),
    nix.mode === "install" ? undefined : findNix(),
    readGround(),
  ]);
  const search = { request, reference, plan: undefined };
  if (identity === undefined) {
    info(`Only Nix can tell what ${reference.url} is: it is looked for in the cache later`);
    return search;
  }
  if (!fits(ground, found, request)) return undefined;
  return await fetched({ ...search, plan: planFor(request, reference, identity, ground, found) });
}

/** The same of a flake that was not known without Nix, once Nix has locked it. */
export async function findLocked(
  { request, reference }: ClosureSearch,
  nix: Nix,
  { url, rev, inputs }: LockedFlake,
): Promise<ClosureSearch | undefined> {
  const ground = await readGround();
  if (!fits(ground, nix, request)) return undefined;
  const identity = { digest: `locked ${url} ${rev} ${inputs}`, url, rev };
  const locked = { ...reference, url };
  return await fetched({ request, reference: locked, plan: planFor(request, locked, identity, ground, nix) });
}

async function fetched(search: ClosureSearch & { plan: Plan }): Promise<ClosureSearch> {
  const { request, parts, ends } = search.plan;
  const digest = closureDigest(parts);
  const kept = ends ? undefined : await readKept(digest);
  if (kept !== undefined) return { ...search, kept };
  const { mode, lookupOnly } = request.cache;
  const { read } = cachePolicy(mode, process.env);
  if (!read || lookupOnly || !isFeatureAvailable()) return search;
  const key = closureKey(parts);
  const home = join(request.home, "closure");
  const found: Fetched = {
    digest,
    form: parts.form,
    archive: join(home, `${digest}.${parts.form}`),
    record: join(home, `${digest}.json`),
  };
  try {
    await mkdir(home, { recursive: true });
    const lack = await fetchEntry(key, [found.archive, found.record], request.temporary);
    if (lack === absent) {
      info(`The cache has nothing by the name ${key}`);
      return search;
    }
    if (lack !== undefined) throw new Error(`it ${lack}`);
    info(`${key}: ${await sizeOf(found)}`);
    return { ...search, fetched: found };
  } catch (error) {
    notBack(error);
    return search;
  } finally {
    await clearTransit(request.temporary);
  }
}

/** A fault of the cache, after which the start is a cold one. */
export const notBack = (error: unknown): void =>
  warning(
    `The environment's store paths cannot be brought back: ${messageOf(error)}; Nix builds or fetches them`,
  );
