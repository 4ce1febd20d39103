// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import { type Registry, startRegistry } from "../support/assets/registry.ts";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { RunStep } from "../support/runner/workflow.ts";
import { actionPath, openWorld, repository, type World } from "../support/world/world.ts";

const podman = "${{ steps.podman.outputs.podman }}";

let world: World;
let registry: Registry;
let machine: Machine;
let small: string;
let hard: string;
let made: JobResult;
let pulled: JobResult;
let mounted: JobResult;
let unpacked: JobResult;
beforeAll(async () => {
  world = await openWorld();
  registry = await startRegistry({ directory: world.path("registry") });
  machine = await world.machine("restored");
  small = `${world.registry.host}/${IMAGES.busybox}`;
  hard = `${registry.host}/hard:latest`;
  // As a registry gives it: a build's own layers are not the very same.
  const make: RunStep = {
    id: "make",
    run: `${podman} build --build-arg BASE=${world.registry.host}/${IMAGES.debian} --tag ${hard} .
${podman} push --quiet ${hard}
${podman} rmi --all --force
${podman} pull --quiet ${small} ${hard}`,
  };
  const inventory: RunStep = {
    id: "inventory",
    run: `${podman} run --rm --user 0 --volume "$PWD/inventory.py:/inventory.py:ro" ${hard} python3 /inventory.py`,
  };
  const commands: RunStep = {
    id: "commands",
    run: `bash commands.sh ${podman} ${small} ${hard} ${registry.host}`,
  };
  made = await job("pulled", [make, inventory]);
  pulled = await job("pulled", [commands], { cache: "false" });
  mounted = await job("mounted", [inventory, commands], { cache: "read-only" });
  unpacked = await job("unpacked", [inventory, commands], { cache: "read-only", "cache-restore": "unpack" });
}, 900_000);
afterAll(async () => {
  await world.close();
  await registry.close();
});

/** On a store of its own, or as an earlier job has left it. */
async function job(store: string, steps: RunStep[], inputs: Record<string, string> = {}): Promise<JobResult> {
  const allow: RunStep = {
    id: "allow",
    run: `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' ${world.registry.host} ${registry.host} >~/.config/containers/registries.conf`,
  };
  const own = { "storage-root": `/var/tmp/${store}`, ...world.inputs, ...inputs };
  return runJob(machine, {
    action: { path: actionPath },
    workspace: join(repository, "__tests__/support/world/restored"),
    env: world.cache.environment(),
    steps: [allow, { id: "podman", uses: true, with: own }, ...steps],
  });
}

/** What each command said, by its name in commands.sh. Lines are sorted: the order of images is that of random ids. */
function said(result: JobResult): Record<string, string[]> {
  const ids = new Map<string, string>();
  const text = result
    .step("commands")
    .log.replaceAll(small, "SMALL")
    .replaceAll(hard, "HARD")
    .replaceAll(registry.host, "REGISTRY")
    .replaceAll(world.registry.host, "REGISTRY");
  for (const [, id = "", name = ""] of text.matchAll(/^([0-9a-f]{12}) (SMALL|HARD)/gm)) {
    if (!ids.has(id)) ids.set(id, name);
  }
  const named = text
    .replaceAll(/time="[^"]*"/g, "time")
    .replace(
      /\b(?<!sha256:)([0-9a-f]{12})(?:[0-9a-f]{52})?\b(?! {2}-)/g,
      (_, id: string) => ids.get(id) ?? "ID",
    )
    .replaceAll(/\/var\/tmp\/(pulled|mounted|unpacked)\b/g, "STORE");
  const blocks = named.split(/^### /m).slice(1);
  return Object.fromEntries(
    blocks.map((block) => {
      const [name = "", ...lines] = block.trimEnd().split("\n");
      return [name, lines.sort()];
    }),
  );
}

const inventoryOf = (result: JobResult) => result.step("inventory").log.trim().split("\n");

test("all of it ran, on what it is meant to", () => {
  for (const result of [made, pulled, mounted, unpacked]) {
    const failures = result.steps.filter(({ outcome }) => outcome !== "success");
    expect(failures.map(({ id, log }) => ({ id, log }))).toEqual([]);
    expect(result).toMatchObject({ killed: [], survivors: [] });
    expect(result.steps.flatMap(({ annotations }) => annotations)).toEqual([]);
  }
  expect(made.post("podman").log).toContain("Packed 2 images");
  expect(mounted.step("podman").log).toContain("is mounted by the kernel, idmapped");
  expect(unpacked.step("podman").log).toContain("is unpacked");
});

describe.each([
  ["mounted", () => mounted],
  ["unpacked", () => unpacked],
] as const)("files of an image that is %s", (_how, result) => {
  test("are in a container what they were before", () => {
    const before = inventoryOf(made);
    expect(before.length).toBeGreaterThan(3000);
    expect(inventoryOf(result())).toEqual(before);
  });
});

test("the inventory has what is hard to keep", () => {
  const files = inventoryOf(made).filter((line) => line.startsWith("{'path': b'/srv/hard/"));
  const one = (...parts: string[]) =>
    expect(files.filter((line) => parts.every((part) => line.includes(part)))).toHaveLength(1);
  one("/owned/65533'", "'owner': [65533, 65533]");
  one("/modes/6711'", "0o106711");
  one("/capable'", "'security.capability': '0100000200040000000000000000000000000000'");
  one("/attributes'", "'user.note': '000102");
  one("/links/two'", "'links': 3, 'linked': '/srv/hard/elsewhere/three'");
  one("/fifo'", "0o10620");
  one("/sparse'", "'size': 16777216");
  one("/future'", "'time': 4000000000");
  one(`${`/${"d".repeat(200)}`.repeat(10)}/deep'`);
  one("/opaque/upper'");
  one("/turned/into'");
  for (const gone of ["/opaque/lower", "/hidden/file", "/hidden/folder"]) {
    expect(files.filter((line) => line.includes(gone))).toEqual([]);
  }
});

test("commands on unpacked images do what they do on pulled ones", () => {
  expect(said(unpacked)).toEqual(said(pulled));
});

/** What podman says of images in read-only stores, where that is not what it says of others. */
const refused = (name: string) => [`Error: cannot remove read-only image "${name}"`, "code 125"];
const different: Record<string, string[]> = {
  images: ["code 0"],
  "rmi in use": refused("HARD"),
  "rmi of builds": [
    ...Array(5).fill("Deleted: ID"),
    ...["anew", "built", "committed"].map((name) => `Untagged: localhost/${name}:latest`),
    "code 0",
  ],
  "image mount": [
    "Error: mounting read/only store images is not allowed: called a write method on a read-only store",
    "code 125",
  ],
  rmi: refused("SMALL"),
  "rmi --force": refused("SMALL"),
  "rmi --ignore": ["code 0"],
  "image prune --all": ["code 0"],
};

test("commands on mounted images do what they do on pulled ones, but for those that are known", () => {
  const restored = said(mounted);
  const readOnly = / R\/O$/;
  const own = Object.entries(restored).map(([name, lines]) => [
    name,
    lines.filter((line) => !readOnly.test(line)),
  ]);
  expect(Object.fromEntries(own)).toEqual({ ...said(pulled), ...different });
  // Nothing takes them away or changes their names, and each list has them, beside what was made of them.
  for (const lines of Object.values(restored).filter((lines) => lines.some((line) => readOnly.test(line)))) {
    expect(lines.filter((line) => readOnly.test(line))).toEqual(["HARD HARD R/O", "SMALL SMALL R/O"]);
  }
  expect(restored["system reset"]).toContain("HARD HARD R/O");
});
