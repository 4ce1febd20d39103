// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { debianRoot, RUNNER_PACKAGES } from "./assets/debian-root.ts";
import { type Machine, startMachine } from "./machine/machine.ts";
import { runJob } from "./runner/job.ts";
import { node24 } from "./runner/node.ts";

const scratch = mkdtempSync(join(tmpdir(), "machine-"));
const node = node24();
let image: string;
beforeAll(async () => {
  image = await debianRoot({ packages: RUNNER_PACKAGES, name: "runner" });
}, 600_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** An action that shows what it was given and uses each command file. */
const fixture = {
  "action.yml": `name: Fixture
inputs:
  word: { default: none }
  token: { default: "\${{ github.token }}" }
  fail: { default: "" }
runs: { using: node24, main: main.js, post: post.js }
`,
  "main.js": `const { appendFileSync: append, mkdirSync, writeFileSync } = require("node:fs");
const { spawn } = require("node:child_process");
const env = process.env;
console.log("main", env.INPUT_WORD, env.INPUT_TOKEN, process.cwd(), env.ACTIONS_RUNTIME_TOKEN);
append(env.GITHUB_STATE, "word=" + env.INPUT_WORD + "\\n");
if (env.INPUT_FAIL) { console.log("::error::asked to fail"); process.exit(1); }
append(env.GITHUB_OUTPUT, "tool<<E\\n" + env.RUNNER_TEMP + "/bin/tool\\nE\\n");
append(env.GITHUB_ENV, "FROM_MAIN=yes\\n");
append(env.GITHUB_PATH, env.RUNNER_TEMP + "/bin\\n");
append(env.GITHUB_STEP_SUMMARY, "# Done\\n");
mkdirSync(env.RUNNER_TEMP + "/bin");
writeFileSync(env.RUNNER_TEMP + "/bin/tool", "#!/bin/sh\\necho tool $FROM_MAIN\\n", { mode: 0o755 });
spawn("sleep", ["1001"], { detached: true, stdio: "ignore" }).unref();
spawn("env", ["-u", "RUNNER_TRACKING_ID", "sleep", "1002"], { detached: true, stdio: "ignore" }).unref();
`,
  "post.js": `console.log("post", process.env.STATE_word, process.env.INPUT_WORD, process.env.LATER);`,
};

describe("job", () => {
  const path = "/home/runner/work/_actions/octo/fixture/v1";
  let machine: Machine;
  beforeAll(async () => {
    const action = join(scratch, "action");
    mkdirSync(action);
    for (const [name, text] of Object.entries(fixture)) writeFileSync(join(action, name), text);
    const mounts = [{ source: action, target: path }];
    machine = await startMachine({ image, directory: join(scratch, "job"), node, mounts });
  });
  afterAll(() => machine.stop());

  test("steps see what earlier ones gave, posts run last to first", async () => {
    const job = await runJob(machine, {
      action: { path },
      env: { ACTIONS_RUNTIME_TOKEN: "runtime", GREETING: "hello" },
      steps: [
        { id: "one", uses: true, with: { word: "first" } },
        {
          id: "two",
          uses: path,
          with: { word: "${{ steps.one.outputs.tool }}", fail: "" },
          if: "${{ false }}",
        },
        {
          id: "use",
          shell: "bash",
          run: 'tool\n${{ steps.one.outputs.tool }}\necho "$GREETING ${{ env.GREETING }} [$ACTIONS_RUNTIME_TOKEN] $PWD"\necho LATER=set >>"$GITHUB_ENV"',
        },
        { id: "three", uses: path, with: { word: "third", fail: "true" } },
        { id: "skipped", run: "echo never" },
        { id: "always", if: "always()", run: "false | echo ${{ steps.three.outcome }}, $(id -un)" },
      ],
    });
    const workspace = "/home/runner/work/project/project";
    expect(job.outcome).toBe("failure");
    expect(job.steps.map(({ id, phase, outcome }) => `${id} ${phase} ${outcome}`)).toEqual([
      "one main success",
      "two main skipped",
      "use main success",
      "three main failure",
      "skipped main skipped",
      "always main success",
      "three post success",
      "one post success",
    ]);
    expect(job.step("one").log).toBe(`main first *** ${workspace} runtime\n`);
    expect(job.step("one").summary).toBe("# Done\n");
    expect(job.step("use").log).toBe(`tool yes\ntool yes\nhello hello [] ${workspace}\n`);
    expect(job.step("three").annotations).toEqual([
      { level: "error", message: "asked to fail", properties: {} },
    ]);
    expect(job.step("always").log).toBe("failure, runner\n");
    expect(job.post("three").log).toBe("post third third set\n");
    expect(job.post("one").log).toBe("post first first set\n");
    expect(job.killed.map(({ command }) => command.join(" "))).toEqual(["sleep 1001"]);
    expect(job.survivors.map(({ command }) => command.join(" "))).toEqual(["sleep 1002"]);
  });

  test("the runner's own failures are the step's", async () => {
    const job = await runJob(machine, {
      env: { XDG_RUNTIME_DIR: undefined },
      steps: [
        { id: "temp", run: 'ls "$RUNNER_TEMP"; echo "[${XDG_RUNTIME_DIR-unset}]"' },
        { id: "file", run: 'echo nonsense >>"$GITHUB_OUTPUT"' },
        { id: "code", if: "always()", run: "exit 7" },
        { id: "slow", if: "always()", run: "sleep 60", timeout: 300 },
        { id: "none", if: "always()", uses: "/nowhere" },
        { id: "typo", if: "always()", run: "${{ stepz.x }}" },
      ],
    });
    expect(job.step("temp").log).not.toContain("bin");
    expect(job.step("temp").log).toContain("[unset]");
    const errors = (id: string) => job.step(id).annotations.map(({ message }) => message);
    expect(errors("file")).toEqual([
      "Unable to process file command 'GITHUB_OUTPUT' successfully.",
      "Invalid format 'nonsense'",
    ]);
    expect(job.step("code").code).toBe(7);
    expect(errors("code")).toEqual(["Process completed with exit code 7."]);
    expect(errors("slow")).toEqual(["The action has timed out after 300 ms."]);
    expect(errors("none")).toEqual(["Can't find 'action.yml' under '/nowhere'."]);
    expect(errors("typo")).toEqual(["Unrecognized named-value: 'stepz'"]);
    expect(job.steps.slice(1).every(({ outcome }) => outcome === "failure")).toBe(true);
  });
});
