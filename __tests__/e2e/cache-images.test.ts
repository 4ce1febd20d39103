// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Layer, packLayer, pushImage } from "../support/assets/image.ts";
import { type Registry, startRegistry } from "../support/assets/registry.ts";
import { blobBytes, type RegistryFront, startRegistryFront } from "../support/assets/registry-front.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import { allowRegistry } from "../support/world/docker-job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

jest.setTimeout(300_000);

const podman = "${{ steps.podman.outputs.podman }}";

let world: World;
let registry: Registry;
let front: RegistryFront;
let machine: Machine;
let layers: Layer[];
let moving: string;
let steady: string;
beforeAll(async () => {
  world = await openWorld();
  registry = await startRegistry({ directory: world.path("registry") });
  front = await startRegistryFront(registry.host);
  machine = await world.machine("images");
  moving = `${front.host}/moving:latest`;
  steady = `${front.host}/steady:latest`;
  layers = await Promise.all(["lower", "upper"].map(layer));
  await push("moving", layers.slice(0, 1), "v1");
  await push("steady", layers.slice(0, 1), "steady");
}, 900_000);
afterAll(async () => {
  await world.close();
  await Promise.all([front.close(), registry.close()]);
});

/** One file of a megabyte that does not compress. */
async function layer(name: string): Promise<Layer> {
  const directory = world.path("layers", name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), randomBytes(1_000_000));
  execFileSync("tar", ["--create", "--file", `${directory}.tar`, "--directory", directory, name]);
  return packLayer(`${directory}.tar`);
}

/** An image that is told by its command. */
const push = (name: string, its: Layer[], command: string) =>
  pushImage(registry.host, { name, tag: "latest", layers: its, command: [command] });

/** A job on a store of its own, which starts from the cache, where none is named that an earlier one has left. */
async function job(store: string, inputs: Record<string, string>): Promise<JobResult> {
  front.requests.length = 0;
  world.cache.requests.length = 0;
  const own = { "storage-root": `/var/tmp/${store}`, "cache-key": "images", ...world.inputs, ...inputs };
  return runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    steps: [
      allowRegistry(front.host),
      { id: "podman", uses: true, with: own },
      { id: "which", run: `${podman} image inspect --format '{{.Config.Cmd}}' ${moving} ${steady}` },
    ],
  });
}

const uploads = () => world.cache.requests.filter(({ kind }) => kind.startsWith("put"));
const manifests = () => front.requests.filter(({ path }) => path.includes("/manifests/"));

test("what is missing is pulled, before the next step, and saved", async () => {
  const result = await job("first", { images: `${moving}\n${steady}\n` });
  expect(result).toMatchObject({ outcome: "success", killed: [], survivors: [] });
  const log = result.step("podman").log;
  expect(log).toContain(`##[group]Images\n`);
  for (const name of [moving, steady]) expect(log).toContain(`${name} is pulled\n`);
  expect(result.step("which").log).toBe("[v1]\n[steady]\n");
  expect(result.post("podman").log).toMatch(/Packed 2 images and 1 layers[\s\S]*Saved .*-images\+1-/);
});

test("newer, of images from the cache: nothing is downloaded twice, and nothing is left to save", async () => {
  const result = await job("second", { images: `${moving}, ${steady}`, pull: "newer" });
  expect(result.outcome).toBe("success");
  const log = result.step("podman").log;
  expect(log).toMatch(/Segment [0-9a-f]{12} is mounted by the kernel, idmapped/);
  for (const name of [moving, steady]) expect(log).toContain(`${name} is the registry's\n`);
  expect(manifests()).toHaveLength(2);
  // The configurations, not the layer.
  expect(blobBytes(front.requests)).toBeLessThan(2000);
  expect(result.post("podman").log).toContain("No new images: nothing to save");
  expect(uploads()).toEqual([]);
});

test("newer, of an image that has changed: what is new of it is pulled and saved, on top", async () => {
  await push("moving", layers, "v2");
  const result = await job("third", { images: `${moving}\n${steady}`, pull: "newer" });
  expect(result.outcome).toBe("success");
  expect(result.step("podman").log).toContain(`${moving} is pulled\n`);
  expect(result.step("which").log).toBe("[v2]\n[steady]\n");
  expect(blobBytes(front.requests)).toBeGreaterThan(1_000_000);
  expect(blobBytes(front.requests)).toBeLessThan(1_100_000);
  expect(result.post("podman").log).toMatch(/Packed 1 images and 1 layers[\s\S]*Saved .*-images\+2-/);
});

test.each(["auto", "unpack"])(
  "missing, with cache-restore: %s: the image that had the name last has it",
  async (how) => {
    const result = await job(how, { images: `${moving}\n${steady}`, "cache-restore": how });
    expect(result.outcome).toBe("success");
    for (const name of [moving, steady]) expect(result.step("podman").log).toContain(`${name} is there\n`);
    expect(front.requests).toEqual([]);
    expect(result.step("which").log).toBe("[v2]\n[steady]\n");
    expect(result.post("podman").log).toContain("No new images: nothing to save");
  },
);

test("what cannot be pulled fails the step, and nothing is saved", async () => {
  const names = [`${front.host}/none:latest`, moving, `${front.host}/moving:none`];
  const result = await job("failed", { images: names.join("\n"), cache: "true" });
  expect(result).toMatchObject({ outcome: "failure", killed: [], survivors: [] });
  const [annotation, ...more] = result.step("podman").annotations.map(({ message }) => message);
  expect(more).toEqual([]);
  expect(annotation).toMatch(
    /^Cannot pull \S+\/none:latest: .*manifest unknown; \S+\/moving:none: .*manifest unknown\. Check the names, /,
  );
  expect(result.post("podman").log).toContain("Nothing is saved");
  expect(uploads()).toEqual([]);
});

test("a name that is none is refused before anything is done", async () => {
  const result = await job("refused", { images: `${moving}\n--tls-verify=false` });
  expect(result.step("podman").annotations.map(({ message }) => message)).toEqual([
    "Invalid images '--tls-verify=false'. Expected names of images such as docker.io/library/busybox:stable.",
  ]);
  expect(front.requests).toEqual([]);
});
