import { rm } from "node:fs/promises";
import { warning } from "@actions/core";
import { saveStore } from "./cache/save.ts";
import { command } from "./environment/environment.ts";
import { messageOf, stage } from "./log.ts";
import type { Place } from "./place.ts";
import { stopService } from "./service/service.ts";
import type { State } from "./state.ts";

/** Ends the API service, saves what is new in the image store, and ends the environment. */
export async function post({ environment, cache, service }: State, place: Place): Promise<void> {
  if (service !== undefined) {
    // First of all: it would start again an environment that has ended.
    await stage("Service", () => stopService(service)).catch((error: unknown) =>
      warning(`The API service is not stopped: ${messageOf(error)}`),
    );
  }
  if (environment === undefined) return;
  if (cache !== undefined) {
    await stage("Save", () => saveStore(environment, cache, place.temporary, place.run)).catch(
      (error: unknown) => warning(`The image store is not saved: ${messageOf(error)}`),
    );
  }
  await stage("Stop", () => command(environment, "stop"));
  await rm(environment.directory, { recursive: true, force: true });
}
