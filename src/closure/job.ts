import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { warning } from "@actions/core";
import { cachePolicy } from "../cache/policy.ts";
import { layOutRootfs } from "../flake/layout.ts";
import type { Rootfs } from "../flake/rootfs.ts";
import { info, messageOf } from "../log.ts";
import type { Nix } from "../nix/find.ts";
import { ownDirectory } from "../place.ts";
import { type ClosureSearch, notBack } from "./find.ts";
import { type Way, wayFor } from "./ground.ts";
import { closureDigest, closureKey } from "./key.ts";
import { isLocked } from "./locked.ts";
import type { RecordUndo } from "./mount.ts";
import { nixRoots } from "./nix-roots.ts";
import type { Plan } from "./plan.ts";
import { type ClosureRecord, keepRecord } from "./record.ts";
import { type Fetched, restore } from "./restore.ts";
import type { CachedClosure } from "./save.ts";

/** An environment that needs neither be evaluated, built nor fetched. */
export interface Warm {
  /** Without settings, which are the step's. */
  nix: Nix;
  rootfs: Rootfs;
  podmanVersion: string;
  /** As {@link Environment.nix}. */
  directory?: string;
  /** Once Nix knows of the store paths. */
  registered: Promise<void>;
  /** For the report. */
  origin: Origin;
}

/** Where an environment is from that was not built or fetched by Nix. */
export interface Origin {
  from: "cache" | "machine";
  /** Bytes that came from the cache. */
  bytes?: number;
  /** As {@link ClosureRecord.coldSeconds}. */
  coldSeconds?: number | undefined;
}

/** Makes what was found this machine's. A fault is a warning and a cold start. */
export async function useClosure(
  { plan, kept, fetched: found }: ClosureSearch,
  recordUndo: RecordUndo,
): Promise<Warm | undefined> {
  if (plan === undefined) return undefined;
  if (kept !== undefined) {
    info("The environment is in the store already, of an earlier job on this machine");
    const origin: Origin = { from: "machine", coldSeconds: kept.coldSeconds };
    return warmOf(plan, kept, kept.directory, Promise.resolve(), origin);
  }
  try {
    return found && (await putBack(plan, found, recordUndo));
  } catch (error) {
    notBack(error);
    return undefined;
  }
}

async function putBack(plan: Plan, fetched: Fetched, recordUndo: RecordUndo): Promise<Warm> {
  const { ground, ends, hosted, found, request } = plan;
  const way = wayFor(ground, ends, hosted) as Exclude<Way, "home">;
  const parent = ends ? join(request.home, "closure") : join(ownDirectory(), "closures");
  const bytes = (await stat(fetched.archive)).size;
  const restored = await restore(fetched, way, join(parent, fetched.digest), found?.bin, recordUndo);
  const { registration: _, ...record } = restored.record;
  if (!ends) await keepAll(plan, record, restored.directory);
  const registered = restored.registered.catch((error: unknown) =>
    warning(`Nix does not know the environment's store paths: ${messageOf(error)}`),
  );
  const origin: Origin = { from: "cache", bytes, coldSeconds: record.coldSeconds };
  return warmOf(plan, record, restored.directory, registered, origin);
}

async function warmOf(
  { identity, found }: Plan,
  record: ClosureRecord,
  directory: string | undefined,
  registered: Promise<void>,
  origin: Origin,
): Promise<Warm> {
  const nix = found ?? record.nix;
  if (nix === undefined) throw new Error("it has no Nix, and neither has the machine");
  const { contents, roots, podman } = record;
  const { rev = record.rev } = identity;
  const url = identity.url ?? (record.rev === "" ? record.url : record.url.replaceAll(record.rev, rev));
  return {
    nix: { bin: nix.bin, version: nix.version, ...(found === undefined && { path: dirname(nix.bin) }) },
    rootfs: { path: await layOutRootfs(contents, join(ownDirectory(), "rootfs")), contents, roots, url, rev },
    podmanVersion: podman,
    registered,
    origin,
    ...(directory !== undefined && { directory }),
  };
}

/** By both names: once Nix is there, a job finds it, and would look for a closure without one. */
async function keepAll({ parts }: Plan, record: ClosureRecord, directory?: string): Promise<void> {
  const kept = { ...record, ...(directory !== undefined && { directory }) };
  for (const nix of new Set([parts.nix, undefined])) await keepRecord(closureDigest({ ...parts, nix }), kept);
}

/**
 * After a cold start: what post saves, and the next job on this machine finds.
 *
 * @param coldSeconds that it took
 * @returns undefined where nothing is saved
 */
export async function settle(
  plan: Plan,
  nix: Nix,
  rootfs: Rootfs,
  podman: string,
  coldSeconds: number,
): Promise<CachedClosure | undefined> {
  const { request, reference, identity, parts, ends, found } = plan;
  const { url } = reference;
  if (identity.own !== true && !(await isLocked(nix, reference))) {
    info(`${url} is not cached: its flake.lock does not say by hashes all that it is made of`);
    return undefined;
  }
  const { contents, roots, rev } = rootfs;
  const own = found === undefined ? await nixRoots(nix) : undefined;
  if (found === undefined && own === undefined) return undefined;
  const known = { contents, roots, url: rootfs.url, rev, podman, coldSeconds };
  const record: ClosureRecord = { ...known, ...(own && { nix: own }) };
  if (!ends) await keepAll(plan, record, nix.directory);
  const { write } = cachePolicy(request.cache.mode, process.env);
  if (!write || request.cache.lookupOnly) return undefined;
  return { key: closureKey(parts), digest: closureDigest(parts), form: parts.form, nix, record };
}
