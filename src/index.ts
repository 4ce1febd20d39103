import { setFailed, warning } from "@actions/core";
import { doctor } from "./doctor/doctor.ts";
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

const state = loadState();
const [, , verb, ...args] = process.argv;
if (verb === "doctor") {
  process.exitCode = await doctor(args).catch((error: unknown) => {
    console.error(`podman-rootless doctor: ${message(error)}`);
    return 1;
  });
} else if (state.started) {
  // The runner starts the same bundle before and after the job's other steps.
  // What goes wrong while cleaning up is no reason to fail a job that went well.
  await post(state, findPlace()).catch((error: unknown) => warning(message(error)));
} else {
  await Promise.resolve()
    .then(() => main(findPlace()))
    .catch((error: unknown) => setFailed(message(error)));
}
// The cache library keeps connections open for a while.
process.exit();
