// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type FileServer, startFileServer } from "../support/assets/file-server.ts";
import { IMAGES } from "../support/assets/images.ts";
import type { Machine, Mount } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { type LockedAction, lockedAction } from "../support/world/locked.ts";
import { openWorld, type World } from "../support/world/world.ts";

const actions = "/srv/actions";
const seenCache = "/srv/cache";
const listing = (path: string) => `find ${path} -printf '%P %y %m %l\\n' | LC_ALL=C sort`;

let world: World;
let locked: LockedAction;
let server: FileServer;

beforeAll(async () => {
  world = await openWorld();
  locked = lockedAction(world, world.path("locked"));
  server = await startFileServer(locked.cache);
}, 600_000);
afterAll(async () => {
  await server?.close();
  await world.close();
});

/** Copies of the action, of which each may have its own fault; all in one folder, for machines to be shown. */
function copies(name: string, changes: Record<string, (action: string) => void>): Mount {
  const folder = world.path("actions", name);
  mkdirSync(folder, { recursive: true });
  for (const [copy, change] of Object.entries(changes)) {
    cpSync(locked.action, join(folder, copy), { recursive: true });
    change(join(folder, copy));
  }
  return { source: folder, target: actions };
}

function job(machine: Machine, action: string, inputs: Record<string, string>, steps: Step[] = []) {
  const { "nix-url": url = "", "nix-sha256": sha256 = "" } = world.inputs;
  const all = { "nix-url": url, "nix-sha256": sha256, cache: "false", "cache-nix": "false", ...inputs };
  return runJob(machine, {
    action: { path: `${actions}/${action}` },
    env: world.cache.environment(),
    debug: true,
    steps: [{ id: "podman", uses: true, with: all }, ...steps],
  });
}

const outcomes = ({ steps }: JobResult) =>
  steps.filter(({ outcome }) => outcome !== "success").map(({ id, log }) => ({ id, log }));
/** The programs of Nix's that the action ran. */
const commands = (log: string) =>
  [...log.matchAll(/\[\d+\] run \S*\/(nix(?:-store)? .*)$/gm)].map(([, command = ""]) => command);
const evaluating = (log: string) =>
  commands(log).filter((line) => /^nix (.* )?(flake|eval|build|develop|path-info)\b/.test(line));

describe.each([
  ["a folder", () => `file://${seenCache}`],
  ["a server", () => server.url],
])("with a binary cache in %s", (name, cache) => {
  let result: JobResult;
  beforeAll(async () => {
    const mounts = [copies(name, { whole: () => {} }), { source: locked.cache, target: seenCache }];
    const machine = await world.machine(`cold-${name}`, { mounts });
    try {
      const inputs = { "extra-substituters": cache(), "extra-trusted-public-keys": locked.publicKey.trim() };
      const podman = "${{ steps.podman.outputs.podman }}";
      result = await job(machine, "whole", inputs, [
        {
          id: "run",
          run: `${podman} run --rm --tls-verify=false ${world.registry.host}/${IMAGES.busybox} echo ran`,
        },
        { id: "hash", run: `nix-store --query --hash ${locked.rootfs}` },
        { id: "tree", run: listing(locked.rootfs) },
        { id: "store", run: "ls /nix/store" },
        {
          id: "metadata",
          run: `nix --extra-experimental-features 'nix-command flakes' hash path ${actions}/whole`,
        },
      ]);
    } finally {
      await machine.stop();
    }
  }, 180_000);

  test("the job has a podman, and nothing was evaluated", () => {
    expect(outcomes(result)).toEqual([]);
    expect(result.step("run").log.trim().split("\n").at(-1)).toBe("ran");
    const { log, outputs } = result.step("podman");
    expect(log).toContain(`Rootfs ${locked.rootfs}, by nix/rootfs.lock.json`);
    expect(commands(log)).not.toEqual([]);
    expect(evaluating(log)).toEqual([]);
    expect(outputs).toMatchObject({
      "flake-url": `path:${actions}/whole`,
      "flake-rev": result.step("metadata").log.trim(),
    });
    // The Debian root is the one source: neither the flake's nor nixpkgs' is there.
    const store = result.step("store").log.split("\n");
    expect(store.filter((path) => /-source$|\.drv$/.test(path)).map((path) => `/nix/store/${path}`)).toEqual(
      locked.parts,
    );
  });

  test("the rootfs is the one that the flake builds", () => {
    const host = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: "utf8" });
    expect(result.step("hash").log).toBe(host("nix-store", "--query", "--hash", locked.rootfs));
    expect(result.step("tree").log).toBe(host("sh", "-c", listing(locked.rootfs)));
  });
});

describe("where the lock file cannot be used, the flake is evaluated", () => {
  let machine: Machine;
  beforeAll(async () => {
    const change = (file: string, text: string) => (action: string) =>
      writeFileSync(join(action, ...file.split("/")), text);
    const mount = copies("faults", {
      whole: () => {},
      stale: change("nix/more.nix", "{ }"),
      damaged: change("nix/rootfs.lock.json", "{"),
    });
    const empty = { source: world.path("empty"), target: seenCache };
    mkdirSync(empty.source);
    writeFileSync(join(empty.source, "nix-cache-info"), "StoreDir: /nix/store\n");
    machine = await world.machine("cold-faults", { mounts: [mount, empty, locked.nixpkgs] });
  }, 60_000);
  afterAll(() => machine?.stop());

  test.each([
    // The first builds the rootfs, which the others find.
    ["whole", "its parts are not in the binary caches ("],
    ["stale", "nix/rootfs.lock.json is of another flake.nix, flake.lock or nix/"],
    ["damaged", "nix/rootfs.lock.json is damaged: "],
  ])(
    "%s: %s",
    async (action, reason) => {
      const result = await job(machine, action, { "extra-substituters": `file://${seenCache}` });
      expect(outcomes(result)).toEqual([]);
      const { log } = result.step("podman");
      expect(log).toContain(`The flake is evaluated, for the rootfs cannot be had without: ${reason}`);
      expect(evaluating(log)).not.toEqual([]);
      expect(log).toMatch(new RegExp(`Rootfs ${locked.rootfs}, of packages`));
    },
    180_000,
  );

  test("a rootfs that an earlier job built is found without", async () => {
    const { log } = (await job(machine, "whole", {})).step("podman");
    expect(log).toContain(`Rootfs ${locked.rootfs}, by nix/rootfs.lock.json`);
    expect(evaluating(log)).toEqual([]);
  }, 60_000);
});
