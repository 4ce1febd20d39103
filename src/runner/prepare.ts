import { info } from "@actions/core";
import { tryRunAsRoot } from "../exec.ts";
import type { StorageDriver } from "../inputs.ts";
import { readFacts } from "./facts.ts";
import { type Action, planRunner } from "./plan.ts";

/**
 * Makes this machine ready for rootless podman.
 *
 * @throws {Error} saying what is missing and how to add it, when it cannot be done from here
 */
export async function prepareRunner(driver: StorageDriver): Promise<void> {
  const facts = await readFacts();
  const plan = planRunner(facts, driver);
  if (plan.length === 0) info("Nothing to change: subordinate ids and devices are there");
  for (const action of plan) await apply(action, facts.canBeRoot);
}

async function apply(action: Action, canBeRoot: boolean): Promise<void> {
  const byHand = `Do it beforehand: ${action.remedy}`;
  if (!canBeRoot) throw new Error(`Cannot do without sudo: ${action.name}. ${byHand}`);
  info(action.name);
  const [program, ...args] = action.command;
  const { code, stderr } = await tryRunAsRoot(program, args);
  if (code !== 0) throw new Error(`${action.name}: failed (${stderr.trim()}). ${byHand}`);
}
