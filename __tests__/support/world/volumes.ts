import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../../src/environment/environment.ts";
import type { CacheInputs } from "../../../src/inputs.ts";
import type { Place } from "../../../src/place.ts";
import type { CachedTree } from "../../../src/volumes/restore.ts";
import type { Release } from "../assets/debian-root.ts";
import { type CacheService, startCacheService } from "../cache-service/index.ts";
import { createCache } from "../inputs.ts";
import { outputOf } from "../machine/output.ts";
import { node24 } from "../runner/node.ts";
import { type EnvironmentMachine, ROOTFS, SCRIPT, startEnvironmentMachine } from "./environment.ts";
import { repository } from "./world.ts";

export interface VolumesRequest {
  environment: Environment;
  inputs: CacheInputs;
  podmanVersion: string;
  place: Place;
  trees: CachedTree[];
}

/** A job that caches volumes, without all that the action does besides. */
export interface VolumesJob {
  trees: CachedTree[];
  /** Of the job's script. */
  output: string;
  /** Of both ends. */
  log: { provide: string; save: string };
  /** Bytes that the job sent to the cache. */
  uploaded: number;
}

export interface Volumes extends Pick<EnvironmentMachine, "image" | "output" | "root" | "sh"> {
  service: CacheService;
  /** Brings volumes back, runs a script with `podman` and `enter` on PATH, and saves. */
  job(script: string, inputs?: Partial<CacheInputs>): Promise<VolumesJob>;
  /** Takes away all that jobs have left on the machine, as if it were a new one. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

const ACTION = "/srv/action";
const HOME = "/home/runner";
const temporary = `${HOME}/work/_temp`;
const workspace = `${HOME}/work/project/project`;

/** Starts a machine on which such jobs follow each other, and a cache service. */
export async function openVolumes(release: Release): Promise<Volumes> {
  const scratch = mkdtempSync(join(tmpdir(), "volumes-"));
  const service = await startCacheService({ directory: scratch });
  const desk = await startEnvironmentMachine({
    release,
    node: node24(),
    mounts: [{ source: repository, target: ACTION }],
  });
  const environment: Environment = {
    script: SCRIPT,
    rootfs: ROOTFS,
    graphRoot: `${HOME}/volumes/storage`,
    driver: "fuse-overlayfs",
    directory: "/run/user/1001/volumes",
    podman: "/opt/volumes/podman",
  };
  const { graphRoot, directory } = environment;
  const enter = `sh ${SCRIPT} --rootfs ${ROOTFS} --graph-root ${graphRoot} --dir ${directory}`;
  await desk.root(`mkdir /opt/volumes
    printf '#!/bin/sh\\nexec ${enter} exec "$@"\\n' >/opt/volumes/inside
    printf '#!/bin/sh\\nexec inside podman "$@"\\n' >/opt/volumes/podman && chmod +x /opt/volumes/*`);
  await desk.output(`mkdir -p ${temporary} ${workspace}`);
  const env = {
    PATH: "/opt/volumes:/opt/node24/bin:/usr/local/bin:/usr/bin:/bin",
    XDG_RUNTIME_DIR: "/run/user/1001",
    RUNNER_TEMP: temporary,
    GITHUB_WORKSPACE: workspace,
  };
  const run = async (...argv: string[]) => {
    const all = { ...env, ...service.environment() };
    return outputOf(argv.join(" "), await desk.machine.exec(argv, { env: all, cwd: workspace }));
  };
  const podmanVersion = (await run("podman", "--version")).split(" ").at(-1) ?? "";
  let jobs = 0;

  const node = async (phase: string, request: VolumesRequest) => {
    const program = `${ACTION}/__tests__/support/world/volumes-job.ts`;
    const log = await run(
      "node",
      "--disable-warning=ExperimentalWarning",
      program,
      phase,
      JSON.stringify(request),
    );
    return log.replace(/^::debug::.*\n?/gm, "");
  };
  return {
    image: desk.image,
    output: desk.output,
    root: desk.root,
    sh: desk.sh,
    service,
    job: async (script, overrides = {}) => {
      const place: Place = { action: ACTION, workspace, temporary, run: `${++jobs}.1.job` };
      const inputs = createCache({ cacheMounts: true, cacheVolumes: ["data"], ...overrides });
      const request = { environment, inputs, podmanVersion, place, trees: [] };
      service.requests.length = 0;
      const provide = await node("provide", request);
      const trees = JSON.parse(provide.slice(provide.lastIndexOf("\n") + 1)) as CachedTree[];
      const output = await run("bash", "-euo", "pipefail", "-c", script);
      const save = await node("save", { ...request, trees });
      const uploaded = service.requests
        .filter(({ kind }) => kind.startsWith("put"))
        .reduce((sum, { bytes }) => sum + bytes, 0);
      return { trees, output, log: { provide, save }, uploaded };
    },
    forget: async () => {
      await desk.output(`${enter} stop && sudo rm -rf ~/volumes /var/tmp/buildah-cache*`);
    },
    close: async () => {
      await desk.close();
      await service.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
