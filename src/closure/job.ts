import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isFeatureAvailable } from "@actions/cache";
import { info, warning } from "@actions/core";
import { cachePolicy } from "../cache/policy.ts";
import { absent, clearTransit, fetchEntry } from "../cache/restore.ts";
import { layOutRootfs } from "../flake/layout.ts";
import { type FlakeReference, parseReference } from "../flake/reference.ts";
import type { Rootfs } from "../flake/rootfs.ts";
import type { Inputs } from "../inputs.ts";
import { messageOf } from "../log.ts";
import { findNix, type Nix } from "../nix/find.ts";
import { currentSystem } from "../nix/releases.ts";
import { ownDirectory, type Place } from "../place.ts";
import { formFor, type Ground, readGround, type Way, wayFor } from "./ground.ts";
import { hold } from "./hold.ts";
import { type Identity, identify } from "./identity.ts";
import { type ClosureParts, closureDigest, closureKey } from "./key.ts";
import { isLocked } from "./locked.ts";
import type { RecordUndo } from "./mount.ts";
import { nixRoots } from "./nix-roots.ts";
import { type ClosureRecord, keepRecord, readKept, rootsOf } from "./record.ts";
import { type Fetched, restore, sizeOf } from "./restore.ts";
import type { CachedClosure } from "./save.ts";

export interface ClosureRequest extends Place, Pick<Inputs, "flake" | "nix" | "cache" | "keep"> {
  /** Absolute path of a directory for files of the job's. */
  home: string;
}

/** An environment that needs neither be evaluated, built nor fetched. */
export interface Warm {
  /** Without settings, which are the step's. */
  nix: Nix;
  rootfs: Rootfs;
  /** As {@link Environment.nix}. */
  directory?: string;
}

export interface JobClosure {
  warm?: Warm;
  /** Of a cold start: tells what post saves, and the next job on this machine finds; undefined: nothing is saved. */
  settle: (nix: Nix, rootfs: Rootfs) => Promise<CachedClosure | undefined>;
}

const nothing: JobClosure = { settle: async () => undefined };

/**
 * Brings back the store paths of the environment, and of Nix where the machine has none: what an earlier job has left on
 * this machine, or saved to the cache. A fault is a warning and a cold start, never an error.
 */
export async function provideClosure(request: ClosureRequest, recordUndo: RecordUndo): Promise<JobClosure> {
  const { flake, nix, keep } = request;
  if (!nix.cached) return nothing;
  const reference = parseReference(flake, request.action, request.workspace);
  const [identity, found, ground] = await Promise.all([
    identify(reference, flake === undefined),
    nix.mode === "install" ? undefined : findNix(),
    readGround(),
  ]);
  if (identity === undefined) {
    info(`Only Nix can tell what ${reference.url} is: it is not looked for in the cache`);
    return nothing;
  }
  if (!fits(ground, found, request)) return nothing;
  const parts = partsOf(request, reference, identity, ground, found);
  const hosted = process.env.RUNNER_ENVIRONMENT === "github-hosted";
  const plan: Plan = { request, reference, identity, ground, parts, found, ends: hosted || !keep, hosted };
  const warm = await bringBack(plan, recordUndo);
  return warm === undefined ? { settle: (...cold) => settle(plan, ...cold) } : { ...nothing, warm };
}

interface Plan {
  request: ClosureRequest;
  reference: FlakeReference;
  identity: Identity;
  ground: Ground;
  parts: ClosureParts;
  /** The machine's own Nix, which is used. */
  found: Nix | undefined;
  /** Nothing of the job is there for a next one. */
  ends: boolean;
  hosted: boolean;
}

/** Elsewhere Nix and its store are found or made by a cold start alone. */
function fits({ nix, root }: Ground, found: Nix | undefined, { nix: { mode } }: ClosureRequest): boolean {
  if (found === undefined) return mode !== "existing" && (nix === "own" || (nix === "missing" && root));
  return nix !== "missing";
}

function partsOf(
  { nix }: ClosureRequest,
  { attribute }: FlakeReference,
  { digest }: Identity,
  ground: Ground,
  found: Nix | undefined,
): ClosureParts {
  const secrets = /^\s*(extra-)?(access-tokens|netrc-file)\b/;
  return {
    system: currentSystem(),
    form: formFor(ground),
    nix: found === undefined ? (nix.tarball?.sha256 ?? nix.version) : undefined,
    flake: digest,
    attribute,
    settings: [
      `accept-flake-config ${nix.acceptFlakeConfig}`,
      ...nix.publicKeys,
      ...nix.config.split("\n").filter((line) => line.trim() !== "" && !secrets.test(line)),
    ],
  };
}

async function bringBack(plan: Plan, recordUndo: RecordUndo): Promise<Warm | undefined> {
  const { request, parts, ends } = plan;
  const kept = ends ? undefined : await readKept(closureDigest(parts));
  if (kept !== undefined) {
    info("The environment is in the store already, of an earlier job on this machine");
    return warmOf(plan, kept, kept.directory);
  }
  const { mode, lookupOnly } = request.cache;
  const { read } = cachePolicy(mode, process.env);
  if (!read || lookupOnly || !isFeatureAvailable()) return undefined;
  const key = closureKey(parts);
  const home = join(request.home, "closure");
  const digest = closureDigest(parts);
  const fetched: Fetched = {
    digest,
    form: parts.form,
    archive: join(home, `${digest}.${parts.form}`),
    record: join(home, `${digest}.json`),
  };
  try {
    await mkdir(home, { recursive: true });
    const lack = await fetchEntry(key, [fetched.archive, fetched.record], request.temporary);
    if (lack === absent) {
      info(`The cache has nothing by the name ${key}`);
      return undefined;
    }
    if (lack !== undefined) throw new Error(`it ${lack}`);
    info(`${key}: ${await sizeOf(fetched)}`);
    return await putBack(plan, fetched, recordUndo);
  } catch (error) {
    warning(
      `The environment's store paths cannot be brought back: ${messageOf(error)}; Nix builds or fetches them`,
    );
    return undefined;
  } finally {
    await clearTransit(request.temporary);
  }
}

async function putBack(plan: Plan, fetched: Fetched, recordUndo: RecordUndo): Promise<Warm> {
  const { ground, ends, hosted, found, request } = plan;
  const way = wayFor(ground, ends, hosted) as Exclude<Way, "home">;
  const parent = ends ? join(request.home, "closure") : join(ownDirectory(), "closures");
  const restored = await restore(fetched, way, join(parent, fetched.digest), found?.bin, recordUndo);
  const { registration: _, ...record } = restored.record;
  if (!ends) await keepAll(plan, record, restored.directory);
  return warmOf(plan, record, restored.directory);
}

async function warmOf(
  { identity, found }: Plan,
  record: ClosureRecord,
  directory: string | undefined,
): Promise<Warm> {
  const nix = found ?? record.nix;
  if (nix === undefined) throw new Error("it has no Nix, and neither has the machine");
  const { contents, roots } = record;
  const { rev = record.rev } = identity;
  const url = identity.url ?? (record.rev === "" ? record.url : record.url.replaceAll(record.rev, rev));
  return {
    nix: { bin: nix.bin, version: nix.version },
    rootfs: { path: await layOutRootfs(contents, join(ownDirectory(), "rootfs")), contents, roots, url, rev },
    ...(directory !== undefined && { directory }),
  };
}

/** By both names: once Nix is there, a job finds it, and would look for a closure without one. */
async function keepAll({ parts }: Plan, record: ClosureRecord, directory?: string): Promise<void> {
  const kept = { ...record, ...(directory !== undefined && { directory }) };
  for (const nix of new Set([parts.nix, undefined])) await keepRecord(closureDigest({ ...parts, nix }), kept);
}

async function settle(plan: Plan, nix: Nix, rootfs: Rootfs): Promise<CachedClosure | undefined> {
  const { request, reference, identity, parts, ends, found, ground } = plan;
  const { url } = reference;
  if (identity.own !== true && !(await isLocked(nix, reference))) {
    info(`${url} is not cached: its flake.lock does not say by hashes all that it is made of`);
    return undefined;
  }
  const { contents, roots, rev } = rootfs;
  const own = found === undefined ? await nixRoots(nix) : undefined;
  if (found === undefined && own === undefined) return undefined;
  const record: ClosureRecord = { contents, roots, url: rootfs.url, rev, ...(own && { nix: own }) };
  if (ground.nix !== "foreign") await hold(nix, rootsOf(record));
  if (!ends) await keepAll(plan, record, nix.directory);
  const { write } = cachePolicy(request.cache.mode, process.env);
  if (!write || request.cache.lookupOnly) return undefined;
  return { key: closureKey(parts), digest: closureDigest(parts), form: parts.form, nix, record };
}
