import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { info } from "@actions/core";
import { command, type Environment, inside } from "../environment/environment.ts";
import { tryRun } from "../exec.ts";
import type { Segment } from "./segment.ts";

/** How a segment came to be visible in the environment. */
export type MountWay = "kernel" | "squashfuse";

const mountpointOf = (digest: string): string => `/.segments/${digest}`;

/**
 * Mounts segments read-only in the environment, and tells podman of them as additional image stores. Best is
 * the kernel's squashfs, idmapped, which takes sudo; squashfuse inside the environment does without.
 *
 * @param segments oldest first
 */
export async function mountSegments(
  environment: Environment,
  segments: readonly Segment[],
): Promise<MountWay> {
  const lines = segments.map(({ digest, file }) => `${file} ${mountpointOf(digest)}\n`);
  // With this list enter.sh mounts them again after the environment was killed.
  await writeFile(join(environment.directory, "segments"), lines.join(""));
  await inside(environment, "mkdir", ["-p", ...segments.map(({ digest }) => mountpointOf(digest))]);
  let way: MountWay = "kernel";
  for (const segment of segments) {
    const reason = await mountInKernel(environment, segment);
    if (reason === undefined) continue;
    info(`The kernel does not mount segment ${segment.digest} (${reason}); squashfuse does`);
    way = "squashfuse";
  }
  await command(environment, "mount");
  return way;
}

/**
 * By the host's mount(8), straight into the environment's mount namespace: nothing is left behind on the host
 * when that ends, and the loop device is freed with it. The id map of the namespace shifts the ids.
 *
 * @returns why it did not work, or undefined
 */
async function mountInKernel(
  environment: Environment,
  { digest, file }: Segment,
): Promise<string | undefined> {
  const [holder = ""] = (await readFile(join(environment.directory, "holder"), "utf8")).split(" ");
  const options = `loop,ro,nosuid,nodev,X-mount.idmap=/proc/${holder}/ns/user`;
  const mount = ["-N", `/proc/${holder}/ns/mnt`, "-t", "squashfs", "-o", options, file, mountpointOf(digest)];
  const { code, stderr } =
    process.getuid?.() === 0
      ? await tryRun("mount", mount)
      : await tryRun("sudo", ["--non-interactive", "mount", ...mount]);
  return code === 0 ? undefined : stderr.trim().split("\n")[0];
}
