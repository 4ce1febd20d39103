import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CachedStore } from "../../../src/cache/bring-back.ts";
import type { JobCache } from "../../../src/cache/job.ts";
import type { Environment } from "../../../src/environment/environment.ts";
import type { CacheInputs, StorageDriver } from "../../../src/inputs.ts";
import type { Release } from "../assets/debian-root.ts";
import { type CacheService, startCacheService } from "../cache-service/index.ts";
import { createCache } from "../inputs.ts";
import type { ExecResult } from "../machine/exec.ts";
import { outputOf } from "../machine/output.ts";
import { node24 } from "../runner/node.ts";
import { type EnvironmentMachine, ROOTFS, SCRIPT, startEnvironmentMachine } from "./environment.ts";
import { repository } from "./world.ts";

export interface RestoreRequest {
  environment: Environment;
  inputs: CacheInputs;
  temporary: string;
}

export interface SaveRequest extends RestoreRequest {
  run: string;
  store: CachedStore;
}

/** A job that uses one cached store, without all that the action does besides. */
export interface ChainJob {
  cache: JobCache;
  /** Of the job's script. */
  output: string;
  /** Of both ends. */
  log: { restore: string; save: string };
  /** Of the restore, the script and the save. */
  seconds: { restore: number; work: number; save: number };
  /** Bytes that the job sent to the cache. */
  uploaded: number;
}

export interface Chain extends Pick<EnvironmentMachine, "image" | "output" | "root" | "machine"> {
  service: CacheService;
  /** Brings the store back, runs a script with `podman` on PATH, saves, and leaves a machine without a store. */
  job(script: string, inputs?: Partial<CacheInputs>): Promise<ChainJob>;
  close(): Promise<void>;
}

export interface ChainOptions {
  release?: Release;
  driver?: StorageDriver;
}

const ACTION = "/srv/action";
const HOME = "/home/runner";
const TEMPORARY = `${HOME}/work/_temp`;

/** Starts a machine on which jobs follow each other, each as if the machine were a new one, and a cache service. */
export async function openChain({ release, driver = "fuse-overlayfs" }: ChainOptions = {}): Promise<Chain> {
  const scratch = mkdtempSync(join(tmpdir(), "chain-"));
  const service = await startCacheService({ directory: scratch });
  const desk = await startEnvironmentMachine({
    ...(release && { release }),
    node: node24(),
    mounts: [{ source: repository, target: ACTION }],
  });
  const environment: Environment = {
    script: SCRIPT,
    rootfs: ROOTFS,
    graphRoot: `${HOME}/chain/storage`,
    driver,
    directory: "/run/user/1001/chain",
    podman: "/opt/chain/podman",
  };
  const { script, rootfs, graphRoot, directory } = environment;
  const enter = `sh ${script} --rootfs ${rootfs} --graph-root ${graphRoot} --driver ${driver} --dir ${directory} --sudo`;
  await desk.root(`mkdir /opt/chain
    printf '#!/bin/sh\\nexec ${enter} exec podman "$@"\\n' >/opt/chain/podman && chmod +x /opt/chain/podman`);
  await desk.output(`mkdir -p ${TEMPORARY} ~/work/project/project`);
  const env = {
    PATH: "/opt/chain:/opt/node24/bin:/usr/local/bin:/usr/bin:/bin",
    XDG_RUNTIME_DIR: "/run/user/1001",
    RUNNER_TEMP: TEMPORARY,
    GITHUB_WORKSPACE: `${HOME}/work/project/project`,
  };
  let run = 0;

  const timed = async (argv: string[]): Promise<[string, number]> => {
    const start = performance.now();
    const all = { ...env, ...service.environment() };
    const result: ExecResult = await desk.machine.exec(argv, { env: all, cwd: env.GITHUB_WORKSPACE });
    return [outputOf(argv.join(" "), result), (performance.now() - start) / 1000];
  };
  const node = (phase: string, request: RestoreRequest | SaveRequest) => {
    const program = `${ACTION}/__tests__/support/world/chain-job.ts`;
    return timed(["node", "--disable-warning=ExperimentalWarning", program, phase, JSON.stringify(request)]);
  };

  return {
    image: desk.image,
    output: desk.output,
    root: desk.root,
    machine: desk.machine,
    service,
    job: async (work, overrides = {}) => {
      const request = {
        environment,
        inputs: createCache({ mode: "true", ...overrides }),
        temporary: TEMPORARY,
      };
      service.requests.length = 0;
      run += 1;
      const [restored, restore] = await node("restore", request);
      const cache = JSON.parse(restored.slice(restored.lastIndexOf("\n") + 1)) as JobCache;
      const [output, worked] = await timed(["bash", "-euo", "pipefail", "-c", work]);
      const [saved, save] =
        cache.store === undefined
          ? ["", 0]
          : await node("save", { ...request, run: `${run}.1.job`, store: cache.store });
      const uploaded = service.requests
        .filter(({ kind }) => kind.startsWith("put"))
        .reduce((sum, { bytes }) => sum + bytes, 0);
      await desk.output(`${enter} stop && sudo rm -rf ~/chain`);
      const log = { restore: restored, save: saved };
      return { cache, output, log, seconds: { restore, work: worked, save }, uploaded };
    },
    close: async () => {
      await desk.close();
      await service.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
