import { ExitCode, error, warning } from "@actions/core";
import { doctor } from "./doctor/doctor.ts";
import { messageOf, stageTimes } from "./log.ts";
import { main } from "./main.ts";
import { findPlace } from "./place.ts";
import { post } from "./post.ts";
import { summarizeFailure } from "./report/summary.ts";
import { loadState, remember, remembered } from "./state.ts";

function message(thrown: unknown): string {
  const text = messageOf(thrown);
  const full = /no space left|ENOSPC|disk quota exceeded/i.test(text);
  return full
    ? `${text}. Free some space, or name a larger disk with storage-root (df -h shows them).`
    : text;
}

/** One annotation, which names the stage. */
async function fail(thrown: unknown): Promise<void> {
  const [failed] = stageTimes().filter((stage) => stage.failed);
  error(message(thrown), { title: `podman-rootless${failed === undefined ? "" : `: ${failed.name}`}` });
  process.exitCode = ExitCode.Failure;
  await summarizeFailure(remembered(), message(thrown));
}

// Nobody else may write what is made here, whatever the runner's own mask is; that of a container may be 0.
process.umask(process.umask() | 0o022);

const state = loadState();
const [, , verb, ...args] = process.argv;
if (verb === "doctor") {
  process.exitCode = await doctor(args).catch((thrown: unknown) => {
    console.error(`podman-rootless doctor: ${message(thrown)}`);
    return 1;
  });
} else if (state.started) {
  // The runner starts the same bundle before and after the job's other steps.
  // What goes wrong while cleaning up is no reason to fail a job that went well.
  await post(state, findPlace()).catch((thrown: unknown) => warning(message(thrown)));
} else {
  await Promise.resolve()
    .then(() => main(findPlace()))
    .catch(fail);
  remember({ stages: stageTimes() });
}
// The cache library keeps connections open for a while.
process.exit();
