import type { Pair } from "./statistics.ts";

/**
 * What a case should reach: a ratio of medians, or a median difference, or a median of the subject's own, of at most
 * this. The last two are in the case's unit.
 */
export type Aim = { ratio: number } | { difference: number } | { value: number };

export type Unit = "ms" | "MB";

/** One thing that is measured on both sides. */
export interface Case {
  name: string;
  /** What is measured, and against what, such as "environment" and "native". */
  subject: string;
  peer: string;
  /** How many pairs of runs count; before them, as many as are needed to fill caches. */
  pairs: number;
  warmUps: number;
  aim?: Aim;
  /** Default: ms. A megabyte has 1,000,000 bytes. */
  unit?: Unit;
  /**
   * The milliseconds that one run takes, without what it needs before and after, or what else is measured.
   *
   * @throws {Error} when it fails
   */
  run(side: keyof Pair): Promise<number>;
}

/** What a suite's machines and services hold open until it is closed. */
export interface OpenSuite {
  /** What the numbers depend on, a line each, such as podman's version. */
  facts: string[];
  cases: Case[];
  close(): Promise<void>;
}

/** A module suites/NAME.ts exports `open` of this type; `script/bench NAME` runs its cases in their order. */
export type Open = (options: { quick: boolean }) => Promise<OpenSuite>;
