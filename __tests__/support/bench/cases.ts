import type { Pair } from "./statistics.ts";
import type { Aim, Case, Unit } from "./suite.ts";

/** A case that will be run as often as its suite wants. */
export type Unpaired = Omit<Case, "pairs" | "warmUps">;

/** One run of each side, and what it measured. */
export type Runs = Record<keyof Pair, () => Promise<number>>;

/** @param sides what is measured, and against what */
export function one(
  name: string,
  [subject, peer]: readonly [string, string],
  runs: Runs,
  rest: { aim?: Aim; unit?: Unit } = {},
): Unpaired {
  return { name, subject, peer, ...rest, run: (side) => runs[side]() };
}
