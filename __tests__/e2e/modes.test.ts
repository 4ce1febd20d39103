import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import type { RunStep } from "../support/runner/workflow.ts";
import { busybox, cacheJob, expectGreen, forget, podman, work } from "../support/world/cache-job.ts";
import { openWorld, repository, type World } from "../support/world/world.ts";

interface Made {
  path: string;
  mode: string;
  owner: string;
  /** As find's %y: d, f, l, s. */
  kind: string;
}

let world: World;
let machine: Machine;
let made: Made[];
let mask: string;

/** Where the action puts files; but not what is in layers, volumes and store paths, whose modes are their makers'. */
const walk: RunStep = {
  id: "walk",
  run: `find ~/.local ~/.local/share -maxdepth 0 -printf '%04m %u:%g %y %p\\n'
find "$RUNNER_TEMP"/podman-rootless* /run/user/1001/podman-rootless ~/.local/share/podman-rootless \\
  \\( -path '*/storage/overlay/*' -o -name _data \\) -prune -o -printf '%04m %u:%g %y %p\\n'`,
};

const parse = (text: string): Made[] =>
  [...text.matchAll(/^(\d{4}) (\S+) (\w) (\/.*)$/gm)].map(
    ([, mode = "", owner = "", kind = "", path = ""]) => ({ path, mode, owner, kind }),
  );

beforeAll(async () => {
  world = await openWorld();
  machine = await world.machine("modes");
  const inputs = {
    ...{ images: busybox(world), socket: "true", "add-to-path": "true", "docker-shim": "true" },
    ...{ "cache-volumes": "vol", "cache-mounts": "true" },
  };
  const step = (id: string, run: string): RunStep => ({ id, run: `umask 022\n${run}` });
  const registries = step("registries", work(world).run.split("\n")[0] ?? "");
  const volumes = step(
    "volumes",
    `printf 'FROM ${busybox(world)}\\nRUN --mount=type=cache,target=/c echo x >/c/x\\n' >Containerfile
${podman} build .
${podman} volume create --ignore vol
${podman} run --rm --volume vol:/v localhost/one touch /v/x`,
  );
  // The mask of a machine on which nobody has set one, as in some containers.
  const former = process.umask(0);
  try {
    const job = async () => {
      const steps = [{ id: "mask", run: "umask" }, step("work", work(world).run), volumes, walk];
      const result = await cacheJob(world, machine, steps, { inputs });
      expectGreen(result, world);
      return result;
    };
    expectGreen(await cacheJob(world, machine, [registries], { inputs: { cache: "false" } }), world);
    const cold = await job();
    await forget(machine);
    const warm = await job();
    mask = warm.step("mask").log.trim();
    made = [cold, warm].flatMap((result) => parse(result.step("walk").log));
  } finally {
    process.umask(former);
  }
}, 900_000);
afterAll(() => world.close());

/** The table of docs/security.md: patterns of paths, and the most that the mode of one may be. */
const rows = [
  ...readFileSync(join(repository, "docs/security.md"), "utf8").matchAll(
    /^\| `([A-Z]\S+)` +\| (0\d{3}) +\|/gm,
  ),
].map(([, path = "", mode = ""]) => {
  const pattern = path
    .replaceAll(".", "\\.")
    .replace("RUNNER_TEMP", "/home/runner/work/_temp")
    .replace("RUNTIME", "/run/user/1001")
    .replace("HOME", "/home/runner")
    .replaceAll("/ID", "/[0-9a-f]{12}")
    .replaceAll("NAME", "[^/]+");
  return { path, mode: Number.parseInt(mode, 8), matches: new RegExp(`^${pattern}$`) };
});
const rowOf = ({ path }: Pick<Made, "path">) => rows.find(({ matches }) => matches.test(path));

test("the runner had no mask", () => {
  expect(mask).toBe("0000");
});

test("all is the user's, and nobody else's to write", () => {
  expect(made.length).toBeGreaterThan(100);
  const links = made.filter(({ kind }) => kind === "l").length;
  expect(links).toBeLessThan(10);
  const open = made.filter(
    ({ mode, owner, kind }) =>
      owner !== "runner:runner" || (kind !== "l" && Number.parseInt(mode, 8) & 0o022),
  );
  expect(open).toEqual([]);
});

test("each has at most the mode of docs/security.md, or is below a directory that is the user's alone", () => {
  const wrong = made.filter((one) => {
    const row = rowOf(one);
    if (row !== undefined) return one.kind !== "l" && Number.parseInt(one.mode, 8) & ~row.mode;
    const parents = one.path.split("/").map((_, at, parts) => parts.slice(0, at).join("/"));
    return !parents.some((path) => rowOf({ path })?.mode === 0o700);
  });
  expect(wrong).toEqual([]);
});

/** What a job has only for moments, or on machines of another kind. */
const rare = ["RUNNER_TEMP/podman-rootless/tools", "RUNNER_TEMP/podman-rootless-segments"];

test("each row of docs/security.md is of something that was there", () => {
  expect(rows.length).toBeGreaterThan(10);
  const seen = new Set(made.map((one) => rowOf(one)?.path));
  expect(rows.map(({ path }) => path).filter((path) => !seen.has(path))).toEqual(rare);
});
