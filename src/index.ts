import { setFailed, warning } from "@actions/core";
import { main } from "./main.ts";
import { findPlace } from "./place.ts";
import { post } from "./post.ts";
import { loadState } from "./state.ts";

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

// The runner starts the same bundle before and after the job's other steps.
const state = loadState();
if (state.started) {
  // What goes wrong while cleaning up is no reason to fail a job that went well.
  await post(state, findPlace()).catch((error: unknown) => warning(message(error)));
} else {
  await Promise.resolve(findPlace())
    .then(main)
    .catch((error: unknown) => setFailed(message(error)));
}
// The cache library keeps connections open for a while.
process.exit();
