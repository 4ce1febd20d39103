import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { addPath } from "@actions/core";
import type { Environment } from "./environment.ts";
import { renderCommand } from "./layout.ts";
import { hasProgram } from "./programs.ts";

/** Beside podman: what other actions call by name, and works on podman's own image store. */
const companions = ["buildah", "skopeo"] as const;

/**
 * Puts podman on the PATH of later steps, and buildah and skopeo where the rootfs has them. Returns their paths.
 */
export async function addCommands(environment: Environment): Promise<string[]> {
  const directory = dirname(environment.podman);
  const paths = [environment.podman];
  for (const program of companions) {
    if (!(await hasProgram(environment, program))) continue;
    const path = join(directory, program);
    await writeFile(path, renderCommand(environment, program), { mode: 0o755 });
    paths.push(path);
  }
  addPath(directory);
  return paths;
}

/**
 * Puts a command `docker`, which is the environment's podman, on the PATH of later steps, in a directory with nothing
 * else in it. Returns the command's path.
 */
export async function addDocker(environment: Environment): Promise<string> {
  const command = join(dirname(environment.script), "docker-shim", "docker");
  await mkdir(dirname(command), { recursive: true });
  await rm(command, { force: true }); // an earlier step's
  await symlink(environment.podman, command);
  addPath(dirname(command));
  return command;
}
