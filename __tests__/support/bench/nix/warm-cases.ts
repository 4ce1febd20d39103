import { linkSync } from "node:fs";
import { defaultValues } from "../../inputs.ts";
import type { Machine } from "../../machine/machine.ts";
import {
  fixedVariables,
  githubContext,
  NODE,
  runnerContext,
  runnerVariables,
  TEMP,
} from "../../runner/context.ts";
import { actionPath } from "../../world/world.ts";
import { one, type Unpaired } from "../cases.ts";
import { timed } from "../timed.ts";
import type { Desk } from "./desk.ts";
import type { Saved } from "./saved.ts";

/** What was downloaded becomes the store paths of a machine that has none. */
export function restoreCase(desk: Desk, { key, tarball }: Saved): Unpaired {
  const subject = () =>
    desk.fresh(async (machine) => {
      const request = { key, temporary: TEMP };
      const { milliseconds, bin } = await desk.ours(machine, "restore", request, session(desk));
      await desk.sh(machine, `${bin}/nix-store --query --requisites ${bin} | xargs ls -d`);
      return milliseconds;
    });
  const peer = () =>
    desk.fresh(async (machine) => {
      const file = "/home/runner/closure.tar.zst";
      linkSync(tarball, machine.directory(file));
      const unpack = `zstd -q -d -c ${file} | tar --extract --file - --directory /nix/store`;
      return milliseconds(desk, machine, `cat ${file}; mkdir /nix/store`, unpack);
    });
  return one("environment and Nix", ["mounted", "tar and zstd"], { subject, peer }, { aim: { ratio: 0.1 } });
}

/** The whole of main, node's start too, of a job that finds all in the cache, on a machine without Nix. */
export function mainCase(desk: Desk, { urls }: Saved): Unpaired {
  const subject = () =>
    desk.fresh(async (machine) => {
      const script = `${NODE} ${actionPath}/dist/index.js 2>&1 | tee ~/main.log`;
      const took = await milliseconds(desk, machine, ":", script, session(desk));
      const log = await desk.sh(machine, "cat ~/main.log");
      if (!/store paths are mounted/.test(log) || !/segments are in the store/.test(log)) {
        throw new Error(`main did not bring all back:\n${log}`);
      }
      return took;
    });
  const peer = () =>
    desk.fresh((machine) => {
      const files = urls.map((url, index) => `--output ${TEMP}/${index} '${url}'`);
      return milliseconds(desk, machine, ":", `curl --silent --fail ${files.join(" ")}`);
    });
  return one(
    "main, all cached",
    ["main", "download of the same"],
    { subject, peer },
    { aim: { difference: 1000 } },
  );
}

async function milliseconds(
  desk: Desk,
  machine: Machine,
  before: string,
  script: string,
  env: Record<string, string> = {},
): Promise<number> {
  const make = `mkdir -p ${TEMP} ${workspace}; ${before}`;
  return Number(await desk.sh(machine, timed(make, script), env)) / 1000;
}

const github = githubContext("ghs_000000000000000000000000000000000000");
const { workspace = "" } = github;

/** The variables of a step of a job without `with`, but for what a world puts in place of the network's. */
const session = ({ world }: Desk): Record<string, string> => ({
  ...runnerVariables,
  ...fixedVariables(github, runnerContext(false), "github_bench"),
  ...world.cache.environment(),
  ...Object.fromEntries(
    Object.entries({ ...defaultValues(), ...world.inputs }).map(([name, value]) => [
      `INPUT_${name.toUpperCase()}`,
      value,
    ]),
  ),
});
