import { setDefaultResultOrder } from "node:dns";
import { freePort } from "../free-port.ts";
import { type JobResult, runJob } from "../runner/job.ts";
import type { StepResult } from "../runner/workflow.ts";
import { localImages, mainJob, publicImages, writeWorkspace } from "./main-job.ts";
import { renderTimelines } from "./timeline.ts";
import { actionPath, openWorld, type World } from "./world.ts";

setDefaultResultOrder("ipv4first");
const online = !process.argv.includes("--offline") && (await canReachNixCache());
console.log(
  online
    ? "Using the Nix binary cache and public images."
    : "No Nix binary cache here: Debian's podman in a stand-in for nixpkgs, Nix from a tarball made of Debian's, images from a registry on loopback.",
);
console.log("Preparing the machine image, the images and the services (minutes on the first run) ...");
const world = await openWorld({ online });
try {
  const jobs = [await demoJob(world, "Job 1, cold"), await demoJob(world, "Job 2, warm")];
  console.log(`\n${renderTimelines(jobs)}`);
  for (const problem of jobs.flatMap(({ result }) => result.steps.flatMap(problems))) console.log(problem);
  process.exitCode = jobs.every(({ result }) => result.outcome === "success") ? 0 : 1;
} finally {
  await world.close();
}

async function demoJob(world: World, title: string): Promise<{ title: string; result: JobResult }> {
  console.log(`\n--- ${title} ---`);
  const images = online ? publicImages : localImages(world.registry.host);
  const workspace = world.path("workspace");
  writeWorkspace(workspace, images);
  const machine = await world.machine(title.replaceAll(/\W+/g, "-"));
  try {
    const result = await runJob(machine, {
      action: { path: actionPath },
      workspace,
      env: world.cache.environment(),
      steps: mainJob(images, await freePort(), world.inputs),
      onLine: (line) => console.log(line),
    });
    return { title, result };
  } finally {
    await machine.stop();
  }
}

function problems({ name, outcome, log }: StepResult): string[] {
  return outcome === "failure" ? [`${name} failed:\n${log}`] : [];
}

async function canReachNixCache(): Promise<boolean> {
  return fetch("https://cache.nixos.org/nix-cache-info", { signal: AbortSignal.timeout(5000) }).then(
    (answer) => answer.ok,
    () => false,
  );
}
