import { rm } from "node:fs/promises";
import { getInput, info, warning } from "@actions/core";
import type { CachedStore } from "./cache/bring-back.ts";
import { clearTransit } from "./cache/restore.ts";
import { type SaveSettings, saveStore } from "./cache/save.ts";
import { within } from "./deadline.ts";
import { command, type Environment } from "./environment/environment.ts";
import type { CacheInputs } from "./inputs.ts";
import { messageOf, stage } from "./log.ts";
import type { Place } from "./place.ts";
import { stopService } from "./service/service.ts";
import type { State } from "./state.ts";
import { saveVolumes } from "./volumes/job.ts";

/** Ends the API service, saves what is new in the image store and in volumes, and ends the environment. */
export async function post(state: State, place: Place): Promise<void> {
  const { environment, settings, cache, volumes = [], service } = state;
  if (service !== undefined) {
    // First of all: it would start again an environment that has ended.
    await stage("Service", () => stopService(service)).catch((error: unknown) =>
      warning(`The API service is not stopped: ${messageOf(error)}`),
    );
  }
  if (environment === undefined) return;
  if (settings !== undefined && (cache !== undefined || volumes.length > 0) && maySave(settings)) {
    await save(environment, settings, state, place);
  }
  await stage("Stop", () => command(environment, "stop"));
  await rm(environment.directory, { recursive: true, force: true });
}

/** Saves what is new; both parts together take no longer than one may. */
async function save(
  environment: Environment,
  settings: CacheInputs,
  { cache, named = [], volumes = [] }: State,
  place: Place,
): Promise<void> {
  const begun = performance.now();
  if (cache !== undefined) {
    await stage("Save", () => saveInTime(environment, cache, { ...settings, named }, place)).catch(
      (error: unknown) => warning(`The image store is not saved: ${messageOf(error)}`),
    );
  }
  if (volumes.length > 0) {
    // After the store, with the rest of its time: both go through one directory.
    const left = settings.saveSeconds - (performance.now() - begun) / 1000;
    await stage("Save volumes", () => saveVolumes(environment, volumes, settings, place, left));
  }
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
