import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached, sources } from "../assets/cache.ts";
import { debianRoot, ENVIRONMENT_PACKAGES, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { IMAGES, imageRegistryData } from "../assets/images.ts";
import { type Registry, startRegistry } from "../assets/registry.ts";
import type { ExecOptions, ExecResult } from "../machine/exec.ts";
import { type Machine, type MachineOptions, startMachine } from "../machine/machine.ts";
import { prepareDebianRoot } from "../stand-in.ts";
import { repository } from "./world.ts";

/** In the machines: enter.sh by itself, and FHS roots for it. */
export const SCRIPT = "/srv/nix/enter.sh";
export const ROOTFS = "/srv/debian";
/** The same files by another name: an environment that is not the first. */
export const OTHER_ROOTFS = "/srv/other root";

/** A machine that has enter.sh and an FHS root with podman, and nothing of the action. */
export interface EnvironmentMachine {
  machine: Machine;
  /** A small image in a registry that the user may use by plain HTTP. */
  image: string;
  /** Runs a script of the user's, with `enter` on PATH: enter.sh with the FHS root given. */
  sh(script: string, options?: ExecOptions): Promise<ExecResult>;
  /** As `sh`, of a script that ends with 0; its standard output, trimmed. Throws with all of its output otherwise. */
  output(script: string, options?: ExecOptions): Promise<string>;
  root(script: string): Promise<string>;
  close(): Promise<void>;
}

/** What the one who starts a session for a user gives it; with PATH led by the directory of `enter`. */
const session = { XDG_RUNTIME_DIR: "/run/user/1001", PATH: "/opt/enter:/usr/local/bin:/usr/bin:/bin" };

/**
 * Starts such a machine, with subordinate ids unless `options` say otherwise. Its user allows the image's registry
 * in ~/.config/containers/registries.conf, and has no store yet.
 */
export async function startEnvironmentMachine(
  options: Partial<MachineOptions> = {},
): Promise<EnvironmentMachine> {
  const scratch = mkdtempSync(join(tmpdir(), "environment-"));
  const source = await debianRoot({ name: "environment", packages: ENVIRONMENT_PACKAGES });
  const recipe = [source, await sources("../stand-in.ts")];
  const rootfs = join(
    await cached("rootfs", recipe, async (folder) => prepareDebianRoot(source, join(folder, "root"))),
    "root",
  );
  const registry: Registry = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
  const machine = await startMachine({
    image: await debianRoot({ name: "runner", packages: RUNNER_PACKAGES }),
    directory: join(scratch, "machine"),
    subordinateIds: "runner:100000:65536",
    ...options,
    mounts: [
      { source: join(repository, "nix"), target: "/srv/nix" },
      { source: rootfs, target: ROOTFS },
      { source: rootfs, target: OTHER_ROOTFS },
    ],
  });

  const sh = (script: string, { env, ...rest }: ExecOptions = {}) =>
    machine.exec(["bash", "-c", script], { ...rest, env: { ...session, ...env } });
  const output = async (script: string, execOptions: ExecOptions = {}) => {
    const result = await sh(script, execOptions);
    if (result.code !== 0) throw new Error(`${script}\nended with ${JSON.stringify(result)}`);
    return result.stdout.trim();
  };
  const root = (script: string) => output(script, { user: "root" });
  await root(`mkdir /opt/enter && cd /opt/enter
    printf '#!/bin/sh\\nexec sh ${SCRIPT} --rootfs ${ROOTFS} "$@"\\n' >enter && chmod +x enter`);
  await output(`mkdir -p ~/.config/containers
    printf '[[registry]]\\nlocation = "${registry.host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf`);

  return {
    machine,
    image: `${registry.host}/${IMAGES.busybox}`,
    sh,
    output,
    root,
    close: async () => {
      await machine.stop();
      await registry.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
