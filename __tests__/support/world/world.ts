import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { debianRoot, ENVIRONMENT_PACKAGES, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { type FileServer, startFileServer } from "../assets/file-server.ts";
import { imageRegistryData } from "../assets/images.ts";
import { nixTarball } from "../assets/nix-tarball.ts";
import { type Registry, startRegistry } from "../assets/registry.ts";
import { type CacheService, startCacheService } from "../cache-service/index.ts";
import { type Machine, type MachineOptions, type Mount, startMachine } from "../machine/machine.ts";
import { node24 } from "../runner/node.ts";
import { type StandIn, standIn } from "./stand-in.ts";

export const repository = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** Where the runner puts the action that a workflow uses. */
export const actionPath = "/home/runner/work/_actions/es-nix/podman-rootless/v1";

/** All that a job meets outside of its machine, real parts on loopback. */
export interface World {
  cache: CacheService;
  /** Serves what assets/images.ts makes; an image's name begins with its host. */
  registry: Registry;
  /** Inputs by which the action takes its parts from here; empty where the real ones can be reached. */
  inputs: Record<string, string>;
  /** The action and those parts, as machines are shown them. */
  mounts: Mount[];
  /** A fresh machine, or one on the files that another of this name left. */
  machine(name: string, options?: Partial<MachineOptions>): Promise<Machine>;
  /** A path below the world's own scratch directory. */
  path(...names: string[]): string;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Use the real Nix cache and release host instead of the stand-ins. */
  online?: boolean;
}

/** Prepares what is missing (minutes on a new machine) and starts the services. */
export async function openWorld({ online = false }: WorldOptions = {}): Promise<World> {
  // Not below a home directory: its files are shown to another user in the machines.
  const scratch = mkdtempSync(join(tmpdir(), "podman-rootless-world-"));
  execFileSync("chmod", ["0755", scratch]);
  const image = await debianRoot({ name: "runner", packages: RUNNER_PACKAGES });
  const registry = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
  const cache = await startCacheService({ directory: join(scratch, "cache") });
  const action = join(scratch, "action");
  copyAction(action);
  const parts = online ? undefined : await offlineParts(scratch);
  const node = node24();
  const machines: Machine[] = [];
  const mounts: Mount[] = [{ source: action, target: actionPath }, ...(parts?.standIn.mounts ?? [])];

  return {
    cache,
    registry,
    inputs: parts?.standIn.inputs ?? {},
    mounts,
    path: (...names) => join(scratch, ...names),
    machine: async (name, options = {}) => {
      const directory = join(scratch, "machines", name);
      const all = [...mounts, ...(options.mounts ?? [])];
      const machine = await startMachine({ image, node, ...options, directory, mounts: all });
      machines.push(machine);
      return machine;
    },
    close: async () => {
      for (const machine of machines) await machine.stop();
      await Promise.all([registry.close(), cache.close(), parts?.nixServer.close()]);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** As the runner downloads an action: the files of the repository, without its history. */
function copyAction(destination: string): void {
  mkdirSync(destination);
  const left = [".git", "node_modules", "coverage"];
  for (const name of readdirSync(repository).filter((entry) => !left.includes(entry))) {
    cpSync(join(repository, name), join(destination, name), { recursive: true });
  }
}

async function offlineParts(scratch: string): Promise<{ standIn: StandIn; nixServer: FileServer }> {
  const environment = await debianRoot({ name: "environment", packages: ENVIRONMENT_PACKAGES });
  const tarball = await nixTarball();
  const nixServer = await startFileServer(dirname(tarball.path));
  const url = `${nixServer.url}/${tarball.path.slice(dirname(tarball.path).length + 1)}`;
  const standInParts = standIn({ environment, scratch, nix: { url, sha256: tarball.sha256 } });
  return { standIn: standInParts, nixServer };
}
