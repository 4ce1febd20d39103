import { rm } from "node:fs/promises";
import { warning } from "@actions/core";
import { saveStore } from "./cache/save.ts";
import { command } from "./environment/environment.ts";
import { messageOf, stage } from "./log.ts";
import type { Place } from "./place.ts";
import type { State } from "./state.ts";

/** Saves what is new in the image store, and ends the environment. */
export async function post({ environment, cache }: State, place: Place): Promise<void> {
  if (environment === undefined) return;
  if (cache !== undefined) {
    await stage("Save", () => saveStore(environment, cache, place.temporary, place.run)).catch(
      (error: unknown) => warning(`The image store is not saved: ${messageOf(error)}`),
    );
  }
  await stage("Stop", () => command(environment, "stop"));
  await rm(environment.directory, { recursive: true, force: true });
}
