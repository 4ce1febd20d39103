import { ProgramError } from "../exec.ts";
import { info, lastWords, messageOf } from "../log.ts";
import type { Action, Undo } from "./finding.ts";
import { doStep, undoOf } from "./steps.ts";

/**
 * Does the actions of a plan, in order. After an error nothing is taken back: post does that, also after a main that
 * failed.
 *
 * @param record is given what takes an action back, before it is done; to be undone from last to first
 * @returns the names of the optional actions that failed
 * @throws {Error} naming the action, its reason, and how to do it by hand
 */
export async function applyPlan(
  actions: readonly Action[],
  record: (undo: readonly Undo[]) => void,
): Promise<string[]> {
  const failed: string[] = [];
  for (const action of actions) {
    info(action.name);
    const undo = await undoOf(action);
    if (undo.length > 0) record(undo);
    try {
      await doStep(action.step);
    } catch (error) {
      const words = reasonOf(error);
      if (!action.optional) {
        throw new Error(`${action.name}: failed (${words}). Do it beforehand: ${action.remedy}`);
      }
      info(`${action.name}: failed (${words})`);
      failed.push(action.name);
    }
  }
  return failed;
}

/** A program's own last words, without those of the wrapper. */
export const reasonOf = (error: unknown): string =>
  error instanceof ProgramError
    ? lastWords(error.output.stderr) || `exit code ${error.output.code}`
    : messageOf(error);
