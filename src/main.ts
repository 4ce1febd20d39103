import { mkdir, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { group } from "@actions/core";
import { beside } from "./beside.ts";
import { fetchAhead, noCache, provideStore } from "./cache/job.ts";
import { findClosure } from "./closure/find.ts";
import { settle } from "./closure/job.ts";
import { addCommands, addDocker } from "./environment/commands.ts";
import { driverFor } from "./environment/driver.ts";
import { command, type Environment, inside, isRunning } from "./environment/environment.ts";
import { layOut, resolvePath, runtimeDirectory } from "./environment/layout.ts";
import { provideImages } from "./images/images.ts";
import { loadInputs } from "./inputs.ts";
import { info, stage, stageTimes } from "./log.ts";
import { type Outputs, setOutputs } from "./outputs.ts";
import { type Place, storesDirectory } from "./place.ts";
import { provideRootfs } from "./provision.ts";
import { provisionSeconds } from "./report/cold-start.ts";
import { type JobReport, readyTitle } from "./report/report.ts";
import { prepareRunner } from "./runner/prepare.ts";
import { dockerHost, exportVariables } from "./service/clients.ts";
import { answers, layOutService, requireService, startService } from "./service/service.ts";
import { remember, rememberUndo } from "./state.ts";
import { forget } from "./store/attach.ts";
import { readInventory } from "./store/inventory.ts";
import { provideVolumes, wantsVolumes } from "./volumes/job.ts";
import { litterOf } from "./volumes/litter.ts";

/** Gives later steps a podman: from the step's inputs to its outputs, a stage a line. */
export async function main(place: Place): Promise<void> {
  remember({ started: true, begun: Date.now() });
  const inputs = loadInputs();
  remember({ keep: inputs.keep });
  // AppArmor knows programs by their paths without links.
  const home = join(await realpath(place.temporary), "podman-rootless");
  await mkdir(home, { recursive: true, mode: 0o700 });
  const storageRoot = resolvePath(inputs.storageRoot ?? storesDirectory(), place.workspace);
  if (inputs.summary) remember({ summary: { name: inputs.cache.name, wishes: inputs.runner, storageRoot } });
  const places = { storageRoot, runtimeDirectory: await runtimeDirectory(), home };

  const request = { ...place, ...inputs, home };
  const search = beside(() => findClosure(request));
  const settings = await stage("Runner", () => prepareRunner({ ...inputs, ...places }, rememberUndo));
  const provision = await provideRootfs(search, { ...request, ...settings }, rememberUndo);
  const { nix, rootfs, directory, warm, plan } = provision;
  const root = { rootfs: rootfs.path, nix: directory };
  const driver = await driverFor(settings, root);
  const environment = await layOut({ ...place, ...inputs, ...settings, ...root, driver });
  // One that runs already is an earlier step's, and ends with that step's post.
  const shared = await isRunning(environment);
  if (shared) remember({ undo: [] });
  else {
    const erase = !inputs.keep && (await isEmpty(environment.graphRoot));
    remember({ environment, settings: inputs.cache, erase });
    await forget(environment);
  }
  const ahead =
    shared || !warm ? undefined : fetchAhead(environment, inputs.cache, warm.podmanVersion, place.temporary);
  const { podmanVersion, closure } = await stage("Environment", async () => {
    await command(environment, "start");
    const version = warm?.podmanVersion ?? (await readVersion(environment));
    if (inputs.socket) requireService(version);
    const seconds = provisionSeconds(stageTimes());
    return { podmanVersion: version, closure: plan && (await settle(plan, nix, rootfs, version, seconds)) };
  });
  if (!shared && closure !== undefined) remember({ closure });
  if (!shared && !inputs.keep) remember({ litter: await litterOf(environment) });
  const cache = shared
    ? noCache
    : await stage("Cache", () =>
        provideStore(environment, inputs.cache, podmanVersion, place.temporary, ahead),
      );
  if (cache.store !== undefined) remember({ cache: cache.store });
  if (!shared && wantsVolumes(inputs.cache)) {
    const provide = () => provideVolumes(environment, inputs.cache, podmanVersion, place.temporary);
    remember({ volumes: await stage("Volumes", provide) });
  }
  if (inputs.images.length > 0) {
    const provide = () => provideImages(environment, inputs.images, inputs.pull);
    remember({ named: await stage("Images", provide) });
  }
  // After the cache: a running podman does not learn of new image stores.
  const socket = inputs.socket ? await stage("Service", () => serve(environment, place)) : "";

  await warm?.registered;
  const { driver: storageDriver } = environment;
  const job: JobReport = { podmanVersion, driver: storageDriver, shared, cache, origin: warm?.origin };
  remember({ job });
  const outputs: Outputs = {
    podman: environment.podman,
    "podman-version": podmanVersion,
    "storage-root": environment.graphRoot,
    "storage-driver": environment.driver,
    "cache-hit": cache.matchedKey !== "",
    "cache-key": cache.prefix,
    "cache-matched-key": cache.matchedKey,
    "cache-size": cache.size,
    "flake-url": rootfs.url,
    "flake-rev": rootfs.rev,
    "nix-version": nix.version,
    socket,
    "docker-host": socket === "" ? "" : dockerHost(socket),
  };
  const inventory = await readInventory(environment).catch(() => undefined);
  await group(readyTitle(job, inventory), async () => {
    if (inputs.addToPath) info(`On PATH: ${(await addCommands(environment)).join(", ")}`);
    if (inputs.dockerShim) info(`docker is ${await addDocker(environment)}`);
    setOutputs(outputs);
  });
}

/** A store that was there before the job is not the job's to remove. */
const isEmpty = async (directory: string): Promise<boolean> =>
  (await readdir(directory).catch(() => [])).length === 0;

async function readVersion(environment: Environment): Promise<string> {
  const line = await inside(environment, "podman", ["--version"]);
  return line.trim().split(" ").at(-1) ?? "";
}

/** The path of the socket at which the API service answers from now on. */
async function serve(environment: Environment, { action }: Place): Promise<string> {
  const service = await layOutService(environment, action);
  // As the environment: one that runs already is an earlier step's.
  if (!(await answers(service))) {
    remember({ service });
    await startService(service);
  }
  exportVariables(service.socket);
  return service.socket;
}
