import { setFailed, warning } from "@actions/core";
import { messageOf } from "./log.ts";
import { main } from "./main.ts";
import { findPlace } from "./place.ts";
import { post } from "./post.ts";
import { loadState } from "./state.ts";

function message(error: unknown): string {
  const text = messageOf(error);
  const full = /no space left|ENOSPC|disk quota exceeded/i.test(text);
  return full
    ? `${text}. Free some space, or name a larger disk with storage-root (df -h shows them).`
    : text;
}

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
