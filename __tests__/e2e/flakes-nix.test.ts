import { realpathSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Contents } from "../../src/flake/rootfs.ts";
import type { Machine } from "../support/machine/machine.ts";
import { NODE } from "../support/runner/context.ts";
import { flakeAt, flakesMachine, shapes } from "../support/world/flakes.ts";
import { expected } from "../support/world/flakes-job.ts";
import { actionPath, openWorld, repository, type World } from "../support/world/world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ online: true }); // its parts are this test's own
}, 900_000);
afterAll(() => world.close());

interface Came {
  shape: string;
  nix: string;
  error?: string;
  path: string;
  contents: Contents;
}

// As flakes.test.ts does with 2.26, as far as versions of Nix may differ.
describe.each([
  ["bookworm", "2.8.0"],
  ["forky", "2.34"],
] as const)("with the Nix of %s, %s", (release, version) => {
  let machine: Machine;
  let log: string;
  let came: Came[];
  beforeAll(async () => {
    const parts = await flakesMachine(release, [release]);
    // Where node finds it from anywhere.
    const modules = { source: realpathSync(join(repository, "node_modules")), target: "/node_modules" };
    machine = await world.machine(release, { ...parts, mounts: [...parts.mounts, modules] });
    await parts.prepare(machine);
    const script = `${actionPath}/__tests__/support/world/resolve-flakes.ts`;
    const flakes = shapes.map((shape) => flakeAt(release, shape));
    const { stdout } = await machine.exec([NODE, script, "/home/runner/own", ...flakes]);
    log = stdout;
    came = stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line));
  }, 900_000);

  test.each(shapes)("%s", async (shape) => {
    const { attribute = "", root, podman } = expected[shape] ?? {};
    const result = came.find((each) => each.shape === shape);
    expect(result).toMatchObject({ nix: expect.stringContaining(version), path: expect.any(String) });
    const { path, contents } = result as Came;
    expect(log).toContain(`\nRootfs ${path}, of ${attribute}\n`);
    if (contents.kind === "fhs") expect(path).toMatch(new RegExp(`^/nix/store/[0-9a-z]{32}-${root}$`));
    else {
      const found = await machine.exec(["readlink", "-f", contents.programs.podman ?? ""]);
      expect(found.stdout).toMatch(new RegExp(`^/nix/store/[0-9a-z]{32}-${podman}/bin/podman\\n$`));
    }
    expect((await machine.exec(["cat", "/tmp/marks"])).code).toBe(1);
  });
});
