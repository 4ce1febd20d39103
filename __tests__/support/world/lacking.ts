import { readdirSync } from "node:fs";
import { IMAGES } from "../assets/images.ts";
import { type LackName, startLacking } from "../machine/lacks.ts";
import type { Machine } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import { NODE, runnerVariables } from "../runner/context.ts";
import { type JobResult, runJob } from "../runner/job.ts";
import type { Step } from "../runner/workflow.ts";
import { actionPath, openWorld, type World } from "./world.ts";

/** A job on a machine that lacks something: doctor, the action, `podman run`. */
export interface Lacking {
  lacks: readonly LackName[];
  /** Of the step, and doctor's options. */
  inputs?: Record<string, string>;
}

export interface Outcome {
  /** What doctor said before the action did anything, as docs/doctor.md describes it, and its exit code. */
  doctor: { code: number; ready: boolean; verdict: string };
  /** Annotations of the action's step, by level. */
  errors: string[];
  warnings: string[];
  /** The step's output storage-driver. */
  driver: string | undefined;
  /** What `podman run` put out, pull and warnings included, and then "works" from a file that it wrote to the workspace; "" where the action failed. */
  run: string;
  job: JobResult;
}

export interface LackingWorld {
  /** On a machine of its own, which is gone afterwards. */
  attempt(lacking: Lacking): Promise<Outcome>;
  close(): Promise<void>;
}

/**
 * A world whose machines share one /nix, on which the action has run before: so a job takes seconds, and one without sudo
 * has Nix.
 */
export async function openLackingWorld(): Promise<LackingWorld> {
  const world = await openWorld();
  const prepared = await world.machine("prepared", { subordinateIds: "runner:100000:65536" });
  const first = await job(world, prepared, [{ id: "podman", uses: true, with: inputs(world) }]);
  if (first.outcome !== "success") throw new Error(`no /nix to share: ${first.step("podman").log}`);
  await prepared.stop();
  // Where the machine's overlay keeps what it has and its Debian root has not.
  const nix = world.path("machines/prepared/upper/nix");
  const bin = readdirSync(`${nix}/store`).find((name) => /^[0-9a-z]{32}-nix-\d[\w.]*$/.test(name));
  const path = `/nix/store/${bin}/bin:${runnerVariables.PATH}`;
  let attempts = 0;

  return {
    attempt: async (lacking) => {
      const mounts = [{ source: nix, target: "/nix", writable: true }];
      const machine = await startLacking(lacking.lacks, (options) =>
        world.machine(`lacking-${++attempts}`, { ...options, mounts }),
      );
      await giveNix(machine);
      const result = await job(world, machine, steps(world, lacking), { PATH: path });
      await machine.stop();
      return outcome(result);
    },
    close: () => world.close(),
  };
}

/** /nix is one user's: shown with its files as the machine's user's own. */
async function giveNix(machine: Machine): Promise<void> {
  if (machine.owner === 1001) return;
  const map = `1001:${machine.owner}:1`;
  const argv = ["mount", "--bind", "-o", `X-mount.idmap=u:${map} g:${map}`, "/nix", "/nix"];
  outputOf(argv.join(" "), await machine.exec(argv, { user: "root" }));
}

const inputs = (world: World) => ({
  ...world.inputs,
  // The attribute saves Nix the search for one.
  flake: `${world.inputs.flake}#rootfs`,
  cache: "false",
});

function job(
  world: World,
  machine: Machine,
  jobSteps: Step[],
  env: Record<string, string> = {},
): Promise<JobResult> {
  return runJob(machine, {
    action: { path: actionPath },
    env: { ...world.cache.environment(), ...env },
    steps: jobSteps,
  });
}

function steps(world: World, { inputs: own = {} }: Lacking): Step[] {
  const options = Object.entries(own).map(([name, value]) =>
    value === "true" ? `--${name}` : `--${name}=${value}`,
  );
  const image = `${world.registry.host}/${IMAGES.busybox}`;
  return [
    {
      id: "doctor",
      run: `code=0; ${NODE} ${actionPath}/dist/index.js doctor --json ${options.join(" ")} || code=$?; echo "exit $code"`,
    },
    { id: "podman", uses: true, with: { ...inputs(world), ...own } },
    {
      id: "run",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of workflows
      run: `${"${{ steps.podman.outputs.podman }}"} run --quiet --rm --tls-verify=false --volume "$PWD":/work --workdir /work ${image} \\
  sh -c 'echo works >made'
cat made`,
    },
  ];
}

function outcome(result: JobResult): Outcome {
  const { annotations, outputs } = result.step("podman");
  const said = result.step("doctor").log;
  const [, json, code] = /^(\{.*\n\})\n.*exit (\d)\s*$/s.exec(said) ?? [];
  if (json === undefined) throw new Error(`doctor: ${said}`);
  const of = (level: string) => annotations.filter((one) => one.level === level).map((one) => one.message);
  return {
    doctor: { ...(JSON.parse(json) as { ready: boolean; verdict: string }), code: Number(code) },
    errors: of("error"),
    warnings: of("warning"),
    driver: outputs["storage-driver"],
    run: result.step("run").log.trim(),
    job: result,
  };
}
