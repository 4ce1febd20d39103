import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Environment } from "../../../../src/environment/environment.ts";
import { segmentsDirectory } from "../../../../src/store/kept.ts";
import type { Segment } from "../../../../src/store/segment.ts";
import { debianRoot, RUNNER_PACKAGES } from "../../assets/debian-root.ts";
import { startRegistry } from "../../assets/registry.ts";
import { type CacheService, startCacheService } from "../../cache-service/index.ts";
import { startMachine } from "../../machine/machine.ts";
import { node24 } from "../../runner/node.ts";
import { fhsRoot } from "../../world/environment.ts";
import { repository } from "../../world/world.ts";
import type { Answers, Requests } from "./requests.ts";

const HOME = "/home/runner";
const RUNTIME = "/run/user/1001";
const ACTION = "/srv/action";
const WORKSPACE = `${HOME}/work/project/project`;
export const TEMPORARY = `${HOME}/work/_temp`;
export const BUNDLE = `${ACTION}/dist/index.js`;

/** A machine with as many stores as are asked for, a registry and a cache service on loopback. */
export interface Desk {
  /** Address and port of the registry. */
  registry: string;
  service: CacheService;
  /**
   * Runs a bash script as the user, in the home directory, and returns what it prints, trimmed. `at STORE COMMAND...`
   * is enter.sh with the environment of a store.
   */
  sh(script: string, env?: Record<string, string>): Promise<string>;
  /** Asks ours.ts. */
  ours<Name extends keyof Requests>(
    name: Name,
    request: Requests[Name],
    env?: Record<string, string>,
  ): Promise<Answers[Name]>;
  /** Ends a store's environment, removes all of the store and starts anew, with segments put where main puts them. */
  renew(store: string, segments?: readonly Segment[]): Promise<Segment[]>;
  /** Has the machine read from its disk again what it reads next. */
  chill(): Promise<void>;
  /** A path of the host for one of the user's. */
  directory(path: string): string;
  close(): Promise<void>;
}

export function environmentOf(store: string): Environment {
  return {
    script: `${ACTION}/nix/enter.sh`,
    rootfs: "/srv/debian",
    graphRoot: graphRootOf(store),
    driver: "fuse-overlayfs",
    directory: `${RUNTIME}/${store}`,
    podman: "/opt/bin/podman",
  };
}

export const graphRootOf = (store: string): string => `${HOME}/${store}/storage`;

/** @param images storage folder of the registry */
export async function openDesk(images: string): Promise<Desk> {
  const scratch = mkdtempSync(join(tmpdir(), "bench-cache-"));
  const registry = await startRegistry({ directory: images, readOnly: true });
  const service = await startCacheService({ directory: join(scratch, "service") });
  const machine = await startMachine({
    image: await debianRoot({ name: "runner", packages: RUNNER_PACKAGES }),
    directory: join(scratch, "machine"),
    subordinateIds: "runner:100000:65536",
    node: node24(),
    mounts: [
      { source: repository, target: ACTION },
      { source: await fhsRoot(), target: "/srv/debian" },
    ],
  });
  const session = {
    PATH: "/opt/bin:/opt/node24/bin:/usr/local/bin:/usr/bin:/bin",
    XDG_RUNTIME_DIR: RUNTIME,
    RUNNER_TEMP: TEMPORARY,
    GITHUB_WORKSPACE: WORKSPACE,
    ...service.environment(),
  };
  const run = async (argv: string[], env: Record<string, string> = {}, user = "runner") => {
    const { code, stdout, stderr } = await machine.exec(argv, { user, env: { ...session, ...env } });
    if (code !== 0) throw new Error(`${argv.join(" ")}\nended with ${code}: ${stdout}\n${stderr}`);
    return stdout.trim();
  };
  const sh = (script: string, env?: Record<string, string>) =>
    run(["bash", "-euo", "pipefail", "-c", script], env);
  await run(
    [
      "sh",
      "-c",
      `mkdir -p /opt/bin /opt/no-sudo && cd /opt
      printf '#!/bin/sh\\nstore=$1; shift; exec sh ${ACTION}/nix/enter.sh --rootfs /srv/debian \\\\
        --graph-root ${HOME}/$store/storage --dir ${RUNTIME}/$store "$@"\\n' >bin/at
      printf '#!/bin/sh\\nexit 1\\n' >no-sudo/sudo && chmod +x bin/at no-sudo/sudo`,
    ],
    {},
    "root",
  );

  await sh(`mkdir -p ${WORKSPACE}`);
  return {
    registry: registry.host,
    service,
    sh,
    ours: async (name, request, env) => {
      const script = `${ACTION}/__tests__/support/bench/cache/ours.ts`;
      const printed = await run(["node", script, name, JSON.stringify(request)], env);
      return JSON.parse(printed.split("\n").at(-1) ?? "") as Answers[typeof name];
    },
    renew: async (store, segments = []) => {
      const directory = segmentsDirectory(graphRootOf(store));
      // Files of subordinate ids, in directories that podman mounts over themselves while the environment is there. As
      // post, with its state: segments that are listed there would be mounted at the start.
      await sh(`at ${store} stop; sudo rm -rf ~/${store} ${RUNTIME}/${store}; mkdir -p ${directory}
        ${segments.map(({ file }) => `ln ${file} ${directory}\n`).join("")}at ${store} start`);
      return segments.map(({ digest, file }) => ({ digest, file: join(directory, basename(file)) }));
    },
    chill: async () => {
      execFileSync("sync");
      writeFileSync("/proc/sys/vm/drop_caches", "3");
    },
    directory: (path) => machine.directory(path),
    close: async () => {
      await machine.stop();
      await service.close();
      await registry.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** A PATH by which sudo is found, and refuses. */
export const withoutSudo = { PATH: "/opt/no-sudo:/opt/bin:/opt/node24/bin:/usr/local/bin:/usr/bin:/bin" };
