import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { findPlace, ownDirectory, storesDirectory } from "../src/place.ts";

test("the place is told by the runner's variables and by where this code is", () => {
  const place = findPlace({ RUNNER_TEMP: "/t", GITHUB_WORKSPACE: "/w" });
  expect(place).toMatchObject({ action: join(import.meta.dirname, ".."), workspace: "/w", temporary: "/t" });
  expect(existsSync(join(place.action, "action.yml"))).toBe(true);
});

test.each([{}, { GITHUB_WORKSPACE: "" }])("without a workspace (%j) it is the working directory", (env) => {
  expect(findPlace({ RUNNER_TEMP: "/t", ...env }).workspace).toBe(process.cwd());
});

test("runs, their attempts and their jobs are told apart", () => {
  const run = (id: string, attempt: string, job: string) =>
    findPlace({ RUNNER_TEMP: "/t", GITHUB_RUN_ID: id, GITHUB_RUN_ATTEMPT: attempt, GITHUB_JOB: job }).run;
  const runs = [
    run("1", "1", "a"),
    run("2", "1", "a"),
    run("1", "2", "a"),
    run("1", "1", "b"),
    run("11", "", "a"),
  ];
  expect(new Set(runs).size).toBe(runs.length);
  expect(run("1", "1", "a")).toBe(runs[0]);
});

test.each([{}, { RUNNER_TEMP: "" }])("outside of a runner (%j) there is none", (env) => {
  expect(() => findPlace(env)).toThrow(
    new Error("RUNNER_TEMP is not set: run this as a step of a GitHub Actions workflow."),
  );
});

test("what stays on the machine is below the home directory, beside the image stores", () => {
  expect(storesDirectory()).toBe(join(homedir(), ".local/share/podman-rootless"));
  expect(ownDirectory()).toBe(storesDirectory());
});
