import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { loadState, remember } from "../src/state.ts";
import { createCache } from "./support/inputs.ts";
import { parseKeyValues } from "./support/runner/files.ts";

const environment = { ...process.env };
let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "state-"));
  file = join(directory, "state");
  writeFileSync(file, "");
  process.env.GITHUB_STATE = file;
  delete process.env.STATE_state;
});

afterEach(() => {
  process.env = { ...environment };
  rmSync(directory, { recursive: true });
});

/** Does what the runner does between main and post. */
function handOver(): void {
  for (const [name, value] of parseKeyValues(readFileSync(file, "utf8")))
    process.env[`STATE_${name}`] = value;
}

test("before anything is remembered the action has not started", () => {
  expect(loadState()).toEqual({ started: false });
});

test("what main remembers, part by part, is what post loads", () => {
  const place = { script: "/x/enter.sh", rootfs: "/nix/store/a", graphRoot: "/ü 'b'" };
  const rest = { driver: "vfs", directory: "/run/x", podman: "/x/bin/podman" } as const;
  const cache = { prefix: "p-", chain: ["0123456789ab"], cut: false };
  const settings = createCache({ images: ["a/*"] });
  remember({ started: true });
  handOver();
  expect(loadState()).toEqual({ started: true });

  remember({ environment: { ...place, ...rest }, settings });
  remember({ cache, named: ["i1"] });
  handOver();
  expect(loadState()).toEqual({
    started: true,
    environment: { ...place, ...rest },
    settings,
    cache,
    named: ["i1"],
  });
});
