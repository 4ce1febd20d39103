import { rm } from "node:fs/promises";
import { getInput, info, warning } from "@actions/core";
import { saveStore } from "./cache/save.ts";
import { clearTransit } from "./cache/upload.ts";
import { within } from "./deadline.ts";
import { command, type Environment } from "./environment/environment.ts";
import type { CacheInputs } from "./inputs.ts";
import { messageOf, stage } from "./log.ts";
import type { Place } from "./place.ts";
import { stopService } from "./service/service.ts";
import type { State } from "./state.ts";
import { saveVolumes } from "./volumes/job.ts";

/** Ends the API service, saves what is new in the image store and in volumes, and ends the environment. */
export async function post({ environment, cache, volumes, service }: State, place: Place): Promise<void> {
  if (service !== undefined) {
    // First of all: it would start again an environment that has ended.
    await stage("Service", () => stopService(service)).catch((error: unknown) =>
      warning(`The API service is not stopped: ${messageOf(error)}`),
    );
  }
  if (environment === undefined) return;
  const begun = performance.now();
  const settings = cache?.settings ?? volumes?.settings;
  const saves = settings !== undefined && maySave(settings);
  if (saves && cache !== undefined) {
    await stage("Save", () => save(environment, cache, place)).catch((error: unknown) =>
      warning(`The image store is not saved: ${messageOf(error)}`),
    );
  }
  // After the store, with the rest of its time: both go through one directory.
  if (saves && volumes !== undefined) {
    const left = settings.saveSeconds - (performance.now() - begun) / 1000;
    await stage("Save volumes", () => saveVolumes(environment, volumes.trees, settings, place, left));
  }
  await stage("Stop", () => command(environment, "stop"));
  await rm(environment.directory, { recursive: true, force: true });
}

/** A save that takes too long is given up: what is uploaded of it by then is no entry, and the service forgets it. */
async function save(
  environment: Environment,
  { store, settings, named }: NonNullable<State["cache"]>,
  { temporary, run }: Place,
): Promise<void> {
  const saving = saveStore(environment, store, { ...settings, named }, temporary, run);
  await within(settings.saveSeconds, "Saving", saving).finally(() => clearTransit(temporary));
}

function maySave({ onFailure }: CacheInputs): boolean {
  // As the runner has it now, not as it was when the step ran.
  const status = getInput("job-status");
  if (status === "" || status === "success" || onFailure) return true;
  info(`Nothing is saved: the job's status is ${status}, and cache-on-failure is false`);
  return false;
}
