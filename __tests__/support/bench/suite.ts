import type { Pair } from "./statistics.ts";

/** What a case should reach: a ratio of medians, or a median difference in milliseconds, of at most this. */
export type Aim = { ratio: number } | { difference: number };

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
  /** The milliseconds that one run takes, without what it needs before and after. @throws {Error} when it fails */
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
