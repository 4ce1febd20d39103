import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached, sources } from "../assets/cache.ts";
import { debianRoot, environmentPackages, type Release, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { IMAGES, imageRegistryData } from "../assets/images.ts";
import { type Registry, startRegistry } from "../assets/registry.ts";
import type { ExecOptions, ExecResult } from "../machine/exec.ts";
import { type Machine, type MachineOptions, type Mount, startMachine } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import { prepareDebianRoot } from "../stand-in.ts";
import { repository } from "./world.ts";

/** In the machines: enter.sh by itself, and FHS roots for it. */
export const SCRIPT = "/srv/nix/enter.sh";
export const ROOTFS = "/srv/debian";
/** The same files by another name: an environment that is not the first. */
export const OTHER_ROOTFS = "/srv/other root";

export interface EnvironmentOptions extends Partial<MachineOptions> {
  /** Where {@link ROOTFS} and its podman are from. Default: trixie. */
  release?: Release;
  /** More FHS roots, at /srv/RELEASE each. */
  beside?: Release[];
}

/** A machine that has enter.sh and an FHS root with podman, and nothing of the action. */
export interface EnvironmentMachine {
  readonly machine: Machine;
  /** A small image in a registry that the user may use by plain HTTP. */
  image: string;
  /** Runs a script of the user's, with `enter` on PATH: enter.sh with the FHS root given. */
  sh(script: string, options?: ExecOptions): Promise<ExecResult>;
  /** As `sh`, of a script that ends with 0; its standard output, trimmed. Throws with all of its output otherwise. */
  output(script: string, options?: ExecOptions): Promise<string>;
  root(script: string): Promise<string>;
  /** The machine loses its power, with all that runs; and comes up again, with the files it had. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** An FHS root made of a release's packages, and kept; the host's path. */
export async function fhsRoot(release: Release = "trixie"): Promise<string> {
  const source = await debianRoot({ release, name: "environment", packages: environmentPackages(release) });
  const recipe = [source, await sources("../stand-in.ts")];
  const folder = await cached("rootfs", recipe, async (to) => prepareDebianRoot(source, join(to, "root")));
  return join(folder, "root");
}

/** What the one who starts a session for a user gives it; with PATH led by the directory of `enter`. */
const session = { XDG_RUNTIME_DIR: "/run/user/1001", PATH: "/opt/enter:/usr/local/bin:/usr/bin:/bin" };

/**
 * Starts such a machine, with subordinate ids unless `options` say otherwise. Its user allows the image's registry
 * in ~/.config/containers/registries.conf, and has no store yet.
 */
export async function startEnvironmentMachine({
  release = "trixie",
  beside = [],
  ...options
}: EnvironmentOptions = {}): Promise<EnvironmentMachine> {
  const scratch = mkdtempSync(join(tmpdir(), "environment-"));
  const rootfs = await fhsRoot(release);
  const mounts: Mount[] = [
    { source: join(repository, "nix"), target: "/srv/nix" },
    { source: rootfs, target: ROOTFS },
    { source: rootfs, target: OTHER_ROOTFS },
  ];
  for (const other of beside) mounts.push({ source: await fhsRoot(other), target: `/srv/${other}` });
  mounts.push(...(options.mounts ?? []));
  const registry: Registry = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
  const image = await debianRoot({ name: "runner", packages: RUNNER_PACKAGES });
  const start = () =>
    startMachine({
      image,
      directory: join(scratch, "machine"),
      subordinateIds: "runner:100000:65536",
      ...options,
      mounts,
    });
  let machine = await start();

  const sh = (script: string, { env, ...rest }: ExecOptions = {}) =>
    machine.exec(["bash", "-c", script], { ...rest, env: { ...session, ...env } });
  const output = async (script: string, execOptions: ExecOptions = {}) =>
    outputOf(script, await sh(script, execOptions));
  const root = (script: string) => output(script, { user: "root" });
  await root(`mkdir /opt/enter && cd /opt/enter
    printf '#!/bin/sh\\nexec sh ${SCRIPT} --rootfs ${ROOTFS} "$@"\\n' >enter && chmod +x enter`);
  await output(`mkdir -p ~/.config/containers
    printf '[[registry]]\\nlocation = "${registry.host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf`);

  return {
    get machine() {
      return machine;
    },
    image: `${registry.host}/${IMAGES.busybox}`,
    sh,
    output,
    root,
    restart: async () => {
      await machine.stop();
      machine = await start();
    },
    close: async () => {
      await machine.stop();
      await registry.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
