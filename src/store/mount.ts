import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, inside, tryInside } from "../environment/environment.ts";
import { tryRunAsRoot } from "../exec.ts";
import type { Segment } from "./segment.ts";

/** In the environment's root. */
export const mountpointOf = (digest: string): string => `/.segments/${digest}`;

/** How a segment was mounted, and why by no better way; or why it could not be. */
export type Mounted = { by: "kernel" } | { by: "squashfuse"; why: string } | { by: "nothing"; why: string };

/**
 * Mounts a segment read-only in the environment. Best is the kernel's squashfs, idmapped, which takes sudo;
 * squashfuse inside the environment does without.
 */
export async function mount(environment: Environment, segment: Segment): Promise<Mounted> {
  const { digest, file } = segment;
  const mountpoint = mountpointOf(digest);
  await inside(environment, "mkdir", ["-p", mountpoint]);
  const refusal = await mountInKernel(environment, segment);
  if (refusal === undefined) return { by: "kernel" };
  const { code, stderr } = await tryInside(environment, "squashfuse_ll", [file, mountpoint]);
  if (code === 0) return { by: "squashfuse", why: `the kernel: ${refusal}` };
  return { by: "nothing", why: `kernel: ${refusal}; squashfuse: ${stderr.trim()}` };
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
  const args = ["-N", `/proc/${holder}/ns/mnt`, "-t", "squashfs", "-o", options, file, mountpointOf(digest)];
  const { code, stderr } = await tryRunAsRoot("mount", args);
  return code === 0 ? undefined : stderr.trim().split("\n")[0];
}

/** Takes a segment's mount away again. */
export async function unmount(environment: Environment, digest: string): Promise<void> {
  await tryInside(environment, "umount", ["--lazy", mountpointOf(digest)]);
}
