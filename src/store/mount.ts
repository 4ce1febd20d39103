import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { info, warning } from "@actions/core";
import { command, type Environment, inside, tryInside } from "../environment/environment.ts";
import { tryRunAsRoot } from "../exec.ts";
import type { Segment } from "./segment.ts";
import { metadata, type Store } from "./store.ts";

/** In the environment's root. */
const mountpointOf = (digest: string): string => `/.segments/${digest}`;

/**
 * Mounts segments read-only in the environment, and tells podman of them as additional image stores. Best is
 * the kernel's squashfs, idmapped, which takes sudo; squashfuse inside the environment does without.
 *
 * @param segments oldest first; each stands on those before it
 * @returns those that are mounted: all, or those before the first that cannot be
 */
export async function mountSegments(
  environment: Environment,
  segments: readonly Segment[],
): Promise<Segment[]> {
  const mounted: Segment[] = [];
  for (const segment of segments) {
    if (!(await mountSegment(environment, segment))) break;
    mounted.push(segment);
  }
  // With this list enter.sh configures podman, and mounts them again after the environment was killed.
  const lines = mounted.map(({ digest, file }) => `${file} ${mountpointOf(digest)}\n`);
  await writeFile(join(environment.directory, "segments"), lines.join(""));
  await command(environment, "mount");
  return mounted;
}

async function mountSegment(environment: Environment, segment: Segment): Promise<boolean> {
  const { digest, file } = segment;
  await inside(environment, "mkdir", ["-p", mountpointOf(digest)]);
  const refusal = await mountInKernel(environment, segment);
  if (refusal === undefined) {
    info(`Segment ${digest} is mounted by the kernel, idmapped`);
    return true;
  }
  const { code, stderr } = await tryInside(environment, "squashfuse_ll", [file, mountpointOf(digest)]);
  if (code === 0) {
    info(`Segment ${digest} is mounted by squashfuse (the kernel: ${refusal})`);
    return true;
  }
  warning(`Segment ${digest} cannot be mounted (kernel: ${refusal}; squashfuse: ${stderr.trim()})`);
  return false;
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
  const { code, stderr } = await tryRunAsRoot("mount", mount);
  return code === 0 ? undefined : stderr.trim().split("\n")[0];
}

/** The metadata of a mounted segment. */
export async function readSegment(environment: Environment, digest: string): Promise<Store> {
  const [layers, images] = await Promise.all(
    [metadata.layers, metadata.images].map((name) =>
      inside(environment, "cat", [join(mountpointOf(digest), name)]),
    ),
  );
  return { layers: JSON.parse(layers ?? ""), images: JSON.parse(images ?? "") } as Store;
}
