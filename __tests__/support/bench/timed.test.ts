import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { timed } from "./timed.ts";

const bash = (script: string) => {
  const { status, stdout } = spawnSync("bash", ["-euo", "pipefail", "-c", script], { encoding: "utf8" });
  return { status, stdout };
};

test("microseconds are all that is printed", () => {
  const { status, stdout } = bash(timed("echo before; read -rt 0.3 <> <(:) || :", "echo measured"));
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\n$/) });
  const whole = bash(timed(":", "read -rt 0.3 <> <(:) || :")).stdout;
  expect(Number(whole)).toBeGreaterThanOrEqual(300_000);
});

test.each([
  ["exit 3", ":"],
  [":", "echo some; exit 3"],
  [":", "(exit 3) | cat"],
])("'%s' before '%s' is no measurement", (before, script) => {
  expect(bash(timed(before, script))).toEqual({ status: 3, stdout: "" });
});
