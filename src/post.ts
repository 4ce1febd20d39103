import { rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { getInput, info, warning } from "@actions/core";
import type { CachedStore } from "./cache/bring-back.ts";
import { clearTransit } from "./cache/restore.ts";
import { type SaveSettings, saveStore } from "./cache/save.ts";
import { type CachedClosure, saveClosure } from "./closure/save.ts";
import { within } from "./deadline.ts";
import { command, type Environment, inside } from "./environment/environment.ts";
import type { CacheInputs } from "./inputs.ts";
import { messageOf, stage } from "./log.ts";
import { type Place, storesDirectory } from "./place.ts";
import { undoAll } from "./runner/undo.ts";
import { stopService } from "./service/service.ts";
import type { State } from "./state.ts";
import { saveVolumes } from "./volumes/job.ts";

/**
 * Ends the API service, saves what is new in the image store, in volumes and of
 * the environment's own store paths, ends the environment, and takes back what
 * was done to the machine.
 */
export async function post(state: State, place: Place): Promise<void> {
  const { environment, service, undo = [], keep = true } = state;
  if (service !== undefined) {
    // First of all: it would start again an environment that has ended.
    await stage("Service", () => stopService(service)).catch((error: unknown) =>
      warning(`The API service is not stopped: ${messageOf(error)}`),
    );
  }
  try {
    if (environment !== undefined) await end(environment, state, place);
  } finally {
    // Last of all: some of it is what the environment runs by.
    if (undo.some(({ when }) => when === "always" || !keep)) await stage("Undo", () => undoAll(undo, keep));
  }
}

async function end(environment: Environment, state: State, place: Place): Promise<void> {
  const { settings, cache, closure, volumes = [], erase = false, litter = [] } = state;
  const some = cache !== undefined || closure !== undefined || volumes.length > 0;
  if (settings !== undefined && some && maySave(settings)) {
    await save(environment, settings, state, place);
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
  { cache, closure, named = [], volumes = [] }: State,
  place: Place,
): Promise<void> {
  const begun = performance.now();
  if (cache !== undefined) {
    await stage("Save", () => saveInTime(environment, cache, { ...settings, named }, place)).catch(
      (error: unknown) => warning(`The image store is not saved: ${messageOf(error)}`),
    );
  }
  // After the store, with the rest of its time: all go through one directory.
  const left = () => settings.saveSeconds - (performance.now() - begun) / 1000;
  if (closure !== undefined) {
    const saving = () => saveClosureInTime(environment, closure, settings.limit, left(), place);
    await stage("Save closure", saving).catch((error: unknown) =>
      warning(`The environment's store paths are not saved: ${messageOf(error)}`),
    );
  }
  if (volumes.length > 0) {
    await stage("Save volumes", () => saveVolumes(environment, volumes, settings, place, left()));
  }
}

async function saveClosureInTime(
  environment: Environment,
  closure: CachedClosure,
  limit: number,
  seconds: number,
  { temporary }: Place,
): Promise<void> {
  const saving = saveClosure(environment, closure, limit, seconds, temporary);
  await within(seconds, "Saving", saving).finally(() => clearTransit(temporary));
}

/** A save that takes too long is given up: what is uploaded of it by then is no entry, and the service forgets it. */
async function saveInTime(
  environment: Environment,
  cache: CachedStore,
  settings: SaveSettings,
  { temporary, run }: Place,
): Promise<void> {
  const saving = saveStore(environment, cache, settings, temporary, run);
  await within(settings.saveSeconds, "Saving", saving).finally(() => clearTransit(temporary));
}

function maySave({ onFailure }: CacheInputs): boolean {
  // As the runner has it now, not as it was when the step ran.
  const status = getInput("job-status");
  if (status === "" || status === "success" || onFailure) return true;
  info(`Nothing is saved: the job's status is ${status}, and cache-on-failure is false`);
  return false;
}
