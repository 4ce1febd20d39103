import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { transitDirectory } from "../src/cache/restore.ts";
import type { Environment } from "../src/environment/environment.ts";
import type { CacheInputs } from "../src/inputs.ts";
import { post } from "../src/post.ts";
import { useCacheDesk } from "./support/cache-desk.ts";
import { createCache } from "./support/inputs.ts";
import { storeOf, write, writeStore } from "./support/stores.ts";

const desk = useCacheDesk();
const prefix = "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+";
let environment: Environment;

beforeEach(() => {
  environment = desk.namespace.environment;
  writeStore(environment.graphRoot, storeOf("a"));
  // Its directory goes with the environment, so the stand-in's own files must not be in it.
  environment = { ...environment, directory: join(desk.directory, "environment", "state") };
  mkdirSync(environment.directory);
  writeFileSync(join(environment.directory, "holder"), "0 1 boot\n");
  const script = readFileSync(environment.script, "utf8");
  writeFileSync(environment.script, `echo "$*" >>"${desk.directory}/calls"\n${script}`);
  delete process.env["INPUT_JOB-STATUS"];
});

const calls = () => readFileSync(join(desk.directory, "calls"), "utf8").trim().split("\n");
const end = (settings: Partial<CacheInputs> = {}) => {
  const cache = { prefix, chain: [], cut: false };
  const place = { action: "/x", workspace: "/x", temporary: desk.temporary, run: "1.1.job" };
  return post({ started: true, environment, settings: createCache(settings), cache }, place);
};

test.each([
  ["success", false, true],
  ["", false, true],
  ["failure", false, false],
  ["cancelled", false, false],
  ["failure", true, true],
  ["cancelled", true, true],
])("after a job of the status %j, cache-on-failure %s: saved is %s", async (status, onFailure, saved) => {
  process.env["INPUT_JOB-STATUS"] = status;
  await end({ onFailure });
  expect(desk.keys()).toHaveLength(saved ? 1 : 0);
  const words = `Nothing is saved: the job's status is ${status}, and cache-on-failure is false\n`;
  expect(desk.log.includes(words)).toBe(!saved);
  expect(calls().at(-1)).toMatch(/ stop$/);
  expect(existsSync(environment.directory)).toBe(false);
});

test("saving that takes too long is given up, with a warning, and the environment ends all the same", async () => {
  const script = readFileSync(environment.script, "utf8");
  // podman hangs until the test's files are gone.
  const hang = `case " $* " in *" exec podman "*) while [ -e "${desk.directory}/work" ]; do sleep 0.1; done;; esac`;
  writeFileSync(environment.script, `${hang}\n${script}`);
  write(join(transitDirectory(desk.temporary), "half"), "x");
  await end({ saveSeconds: 1 });
  expect(desk.log).toContain("::warning::The image store is not saved: Saving took longer than 1 s\n");
  expect(existsSync(transitDirectory(desk.temporary))).toBe(false);
  expect(calls().at(-1)).toMatch(/ stop$/);
  expect(desk.keys()).toEqual([]);
});

test("saving that fails is a warning, and the environment ends all the same", async () => {
  writeFileSync(join(environment.graphRoot, "overlay-layers/layers.json"), "[{");
  await end();
  expect(desk.log).toMatch(/^::warning::The image store is not saved: Cannot read .*layers\.json: /m);
  expect(calls().at(-1)).toMatch(/ stop$/);
});
