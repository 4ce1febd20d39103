import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import type { Facts } from "../runner/facts.ts";
import { type Plan, planRunner } from "../runner/plan.ts";
import { readFacts } from "../runner/read/facts.ts";
import { readDistribution } from "./distribution.ts";
import type { Options } from "./options.ts";

/** All that doctor says. */
export interface Examination {
  /** Of this action, such as "1.0.0". */
  version: string;
  /** Of the node that runs this, such as "v24.1.0". */
  node: string;
  /** As it calls itself in os-release(5), such as "Debian GNU/Linux 12 (bookworm)"; undefined: it does not. */
  distribution: string | undefined;
  facts: Facts;
  plan: Plan;
}

/** Looks at this machine as the action does before it changes anything. */
export async function examine({
  wishes,
  storageRoot,
}: Pick<Options, "wishes" | "storageRoot">): Promise<Examination> {
  const facts = await readFacts({ storageRoot });
  const home = join(process.env.RUNNER_TEMP || tmpdir(), "podman-rootless");
  return {
    version: manifest.version,
    node: process.version,
    distribution: await readDistribution(),
    facts,
    plan: planRunner(facts, { ...wishes, home }),
  };
}
