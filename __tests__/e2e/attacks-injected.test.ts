import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { IMAGES } from "../support/assets/images.ts";
import { hostile } from "../support/hostile.ts";
import { readActionFile } from "../support/inputs.ts";
import type { Machine } from "../support/machine/machine.ts";
import { parseKeyValues } from "../support/runner/files.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { actionPath, openWorld, repository, type World } from "../support/world/world.ts";

// Inputs that want to be more: commands of a shell, lines of the runner's files, commands in its log.
let world: World;
let machine: Machine;
beforeAll(async () => {
  world = await openWorld();
  machine = await world.machine("injected");
}, 900_000);
afterAll(() => world.close());

/** All in one value; but for what a workflow would put in the place of an expression, and what no variable can hold. */
const { "an expression": _, NUL, "100,000 letters": long, ...short } = hostile;
const all = Object.values(short).join("\n");

/** What all steps before wrote for the runner, in base64 as it may have commands; and files by the name that is planted. */
const look: Step = {
  id: "look",
  if: "always()",
  run: `for kind in set_output set_env add_path; do
  echo "$kind=$(cat "$RUNNER_TEMP"/_runner_file_commands/"$kind"_* | base64 --wrap 0)" >>"$GITHUB_OUTPUT"
done
find / -xdev -name planted 2>/dev/null || :`,
};

const job = (steps: Step[]): Promise<JobResult> =>
  runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    debug: true,
    steps: [...steps, look],
  });

const written = (result: JobResult, kind: "set_output" | "set_env" | "add_path") =>
  Buffer.from(result.step("look").outputs[kind] ?? "", "base64").toString();

const { inputs } = parse(readFileSync(join(repository, "action-types.yml"), "utf8")) as {
  inputs: Record<string, { type: string }>;
};
/** Inputs that take any text, as below; and of those with words of their own two, which stand for all (inputs-hostile.test.ts). */
const free = ["nix-config", "cache-images", "job-status"];
const formed = Object.entries(inputs).flatMap(([name, { type }]) =>
  free.includes(name) || (/boolean|enum/.test(type) && !["cache", "socket"].includes(name)) ? [] : [name],
);

test("each input that has a form refuses it, with one error, and nothing is run or set", async () => {
  expect(formed.length).toBeGreaterThan(10);
  // The token's lines become masks.
  const names = [...formed.filter((name) => name !== "github-token"), "github-token"];
  const steps = names.map((name): Step => {
    const flake = name === "rev" ? { flake: "" } : {};
    return { id: name, uses: true, if: "always()", with: { ...world.inputs, ...flake, [name]: all } };
  });
  const result = await job(steps);
  for (const name of names) {
    const { outcome, annotations, log } = result.step(name);
    expect({ name, outcome, errors: annotations.length }).toEqual({ name, outcome: "failure", errors: 1 });
    expect(annotations[0]?.message).toMatch(new RegExp(`^Invalid ${name}[ :]`));
    if (name !== "github-token") expect(log).not.toContain("***");
    expect(result.post(name)).toMatchObject({ outcome: "success", annotations: [] });
  }
  expect(["set_output", "set_env", "add_path"].map((kind) => written(result, kind as "set_env"))).toEqual([
    "",
    "",
    "",
  ]);
  expect(result.step("look").log).toBe("");
}, 300_000);

test("where a text may be anything, it is data", async () => {
  const { host } = world.registry;
  const registries: Step = {
    id: "registries",
    run: `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' ${host} >~/.config/containers/registries.conf`,
  };
  const root = "/var/tmp/it's; touch planted & touch planted | ##[add-mask]planted %0A--planted";
  const podman: Step = {
    id: "podman",
    uses: true,
    with: {
      ...world.inputs,
      "storage-root": root,
      "nix-config": `::add-mask::planted = $(touch /tmp/planted)
##[add-mask]planted = \`touch /tmp/planted\`
# ${all.replaceAll("\n", "\n# ")}`,
      "github-token": "ghs_'$(touch$IFS/tmp/planted)`touch$IFS/tmp/planted`::add-mask::planted%0A--planted",
      "cache-images": all,
      "cache-key": "--planted",
      "job-status": all,
      images: `${host}/${IMAGES.busybox}`,
      ...{ socket: "true", "add-to-path": "true", "docker-shim": "true" },
    },
  };
  const result = await job([registries, podman]);
  const failed = result.steps.filter(({ outcome }) => outcome !== "success");
  expect(failed.map(({ name, log }) => ({ name, log }))).toEqual([]);

  const { annotations, log } = result.step("podman");
  expect(annotations.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    expect.stringMatching(/^warning: Nix [\d.]+ has no setting ::add-mask::planted\. Check nix-config\.$/),
  ]);
  expect(result.post("podman").annotations).toEqual([]);
  // Nothing is masked that is not the token, and what follows a text that ends all commands is as before.
  expect(log + result.post("podman").log).not.toContain("***");
  expect(result.post("podman").log).toMatch(/^Nothing is saved: the job's status is value\nplanted=1\n/m);
  expect(result.post("podman").log).toMatch(/^Stop: [\d.]+ s$/m);

  const outputs = Object.fromEntries(parseKeyValues(written(result, "set_output")));
  expect(Object.keys(outputs)).toEqual(Object.keys(readActionFile().outputs));
  expect(outputs["storage-root"]).toBe(root);
  expect(outputs["cache-key"]).toMatch(/-overlay---planted\+$/);
  expect([...parseKeyValues(written(result, "set_env")).keys()]).toEqual([
    ...["NIX_PROFILES", "NIX_SSL_CERT_FILE", "NIX_USER_CONF_FILES"],
    ...["DOCKER_HOST", "TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE"],
  ]);
  expect(written(result, "add_path").trim().split("\n")).toEqual([
    "/home/runner/.nix-profile/bin",
    expect.stringMatching(/^\/nix\/store\/[0-9a-z]{32}-nix-[\d.]+\/bin$/),
    expect.stringMatching(/^\/home\/runner\/work\/_temp\/podman-rootless\/[0-9a-f]{12}\/bin$/),
    expect.stringMatching(/^\/home\/runner\/work\/_temp\/podman-rootless\/[0-9a-f]{12}\/docker-shim$/),
  ]);
  expect(result.step("look").log).toBe("");
}, 300_000);
