import { rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { getInput, warning } from "@actions/core";
import type { CachedStore } from "./cache/bring-back.ts";
import { clearTransit } from "./cache/restore.ts";
import { type SaveSettings, saveStore } from "./cache/save.ts";
import type { Saved } from "./cache/upload.ts";
import { type CachedClosure, saveClosure } from "./closure/save.ts";
import { within } from "./deadline.ts";
import { command, type Environment, inside } from "./environment/environment.ts";
import type { CacheInputs } from "./inputs.ts";
import { info, messageOf, stage } from "./log.ts";
import { type Place, storesDirectory } from "./place.ts";
import type { SavedPart } from "./report/cache.ts";
import { jobName } from "./report/cold-start.ts";
import { type Ended, summarizeJob } from "./report/summary.ts";
import { undoAll } from "./runner/undo.ts";
import { stopService } from "./service/service.ts";
import type { State } from "./state.ts";
import type { ColdStart } from "./store/cold-start.ts";
import { readInventory } from "./store/inventory.ts";
import { saveVolumes } from "./volumes/job.ts";

/**
 * Ends the API service, saves what is new in the image store, in volumes and of
 * the environment's own store paths, ends the environment, and takes back what
 * was done to the machine.
 */
export async function post(state: State, place: Place): Promise<void> {
  const begun = Date.now();
  const { environment } = state;
  // Before the store ends with the environment.
  const inventory = state.summary && environment && (await readInventory(environment).catch(() => undefined));
  const saved: SavedPart[] = [];
  try {
    await endAll(state, place, { begun, saved });
  } finally {
    await summarizeJob(state, { begun, saved, inventory });
  }
}

/** When post began, in milliseconds since 1970; and where what it saves is told. */
type Told = Pick<Ended, "begun"> & { saved: SavedPart[] };

async function endAll(state: State, place: Place, told: Told): Promise<void> {
  const { environment, service, undo = [], keep = true } = state;
  if (service !== undefined) {
    // First of all: it would start again an environment that has ended.
    await stage("Service", () => stopService(service)).catch((error: unknown) =>
      warning(`The API service is not stopped: ${messageOf(error)}`),
    );
  }
  try {
    if (environment !== undefined) await end(environment, state, place, told);
  } finally {
    // Last of all: some of it is what the environment runs by.
    if (undo.some(({ when }) => when === "always" || !keep)) await stage("Undo", () => undoAll(undo, keep));
  }
}

async function end(environment: Environment, state: State, place: Place, told: Told): Promise<void> {
  const { settings, cache, closure, volumes = [], erase = false, litter = [] } = state;
  const some = cache !== undefined || closure !== undefined || volumes.length > 0;
  if (settings !== undefined && some) {
    const why = whyNot(settings);
    if (why === undefined) await save(environment, settings, state, place, told);
    else {
      info(`Nothing is saved: ${why}`);
      told.saved.push({ what: "all", why });
    }
  }
  // In the environment, where all owners of files are the user's.
  if (litter.length > 0) {
    await inside(environment, "rm", ["-rf", ...litter]).catch((error: unknown) =>
      warning(`Podman's files beside its store are not all removed: ${messageOf(error)}`),
    );
  }
  await stage("Stop", () => command(environment, erase ? "erase" : "stop"));
  await rm(environment.directory, { recursive: true, force: true });
  // What is around them, unless another environment is there too.
  const around = [dirname(environment.directory)];
  if (erase && dirname(dirname(environment.graphRoot)) === storesDirectory())
    around.push(dirname(environment.graphRoot));
  for (const directory of around) await rmdir(directory).catch(() => {});
}

/** Saves what is new; all parts together take no longer than one may. */
async function save(
  environment: Environment,
  settings: CacheInputs,
  state: State,
  place: Place,
  told: Told,
): Promise<void> {
  const { cache, closure, named = [], volumes = [] } = state;
  const begun = performance.now();
  /** What goes wrong is no error: the rest is saved all the same. */
  const report = (what: string, warn: (why: string) => void, saving: Promise<Saved>) =>
    saving
      .catch((error: unknown) => {
        warn(messageOf(error));
        return { why: messageOf(error) };
      })
      .then((part) => told.saved.push({ what, ...part }));
  if (cache !== undefined) {
    const cold = coldStartOf(state, told.begun);
    const saving = stage("Save", () => saveInTime(environment, cache, { ...settings, named, cold }, place));
    await report("image store", (why) => warning(`The image store is not saved: ${why}`), saving);
  }
  // After the store, with the rest of its time: all go through one directory.
  const left = () => settings.saveSeconds - (performance.now() - begun) / 1000;
  if (closure !== undefined) {
    const saving = () => saveClosureInTime(environment, closure, settings.limit, left(), place);
    const warn = (why: string) => warning(`The environment's store paths are not saved: ${why}`);
    await report("Nix and podman's store paths", warn, stage("Save closure", saving));
  }
  if (volumes.length > 0) {
    const saving = () => saveVolumes(environment, volumes, settings, place, left());
    told.saved.push(...(await stage("Save volumes", saving)));
  }
}

/** Of a job that went well and found no store; others' times say nothing. */
function coldStartOf({ job, begun }: State, end: number): ColdStart | undefined {
  const well = ["", "success"].includes(getInput("job-status"));
  if (job?.cache.cold !== true || begun === undefined || !well) return undefined;
  return { job: jobName(), seconds: (end - begun) / 1000 };
}

async function saveClosureInTime(
  environment: Environment,
  closure: CachedClosure,
  limit: number,
  seconds: number,
  { temporary }: Place,
): Promise<Saved> {
  const saving = saveClosure(environment, closure, limit, seconds, temporary);
  return await within(seconds, "Saving", saving).finally(() => clearTransit(temporary));
}

/** A save that takes too long is given up: what is uploaded of it by then is no entry, and the service forgets it. */
async function saveInTime(
  environment: Environment,
  cache: CachedStore,
  settings: SaveSettings,
  { temporary, run }: Place,
): Promise<Saved> {
  const saving = saveStore(environment, cache, settings, temporary, run);
  return await within(settings.saveSeconds, "Saving", saving).finally(() => clearTransit(temporary));
}

/** Why nothing may be saved, or undefined. */
function whyNot({ onFailure }: CacheInputs): string | undefined {
  // As the runner has it now, not as it was when the step ran.
  const status = getInput("job-status");
  if (status === "" || status === "success" || onFailure) return undefined;
  return `the job's status is ${status}, and cache-on-failure is false`;
}
