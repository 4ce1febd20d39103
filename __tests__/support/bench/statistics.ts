/** What one pair of runs took, one right after the other. */
export interface Pair {
  subject: number;
  peer: number;
}

/** One side's runs, in the unit of the measurements. */
export interface Summary {
  median: number;
  min: number;
  max: number;
}

export interface Comparison {
  /** The number of pairs. */
  n: number;
  subject: Summary;
  peer: Summary;
  /** The subject's median over the peer's. */
  ratio: number;
  /** The median of what the subject took longer than the peer in each pair: a machine's slow minute cancels out. */
  difference: number;
}

/** The middle value, or the mean of the two middle ones. @throws {Error} for no values */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new Error("median: no values");
  return (lower + upper) / 2;
}

/** @throws {Error} for no pairs */
export function compare(pairs: readonly Pair[]): Comparison {
  const subject = summary(pairs.map((pair) => pair.subject));
  const peer = summary(pairs.map((pair) => pair.peer));
  return {
    n: pairs.length,
    subject,
    peer,
    ratio: subject.median / peer.median,
    difference: median(pairs.map((pair) => pair.subject - pair.peer)),
  };
}

function summary(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * Runs both sides as often as there are pairs, after some that are not counted. Each goes first in every other pair,
 * because what runs second finds the machine as the other left it.
 *
 * @param run what one run of a side took
 */
export async function inTurn(
  { pairs, warmUps }: { pairs: number; warmUps: number },
  run: (side: keyof Pair) => Promise<number>,
): Promise<Pair[]> {
  const taken: Pair[] = [];
  for (let index = 0; index < warmUps + pairs; index++) {
    const pair: Pair = { subject: 0, peer: 0 };
    const order = index % 2 === 0 ? (["peer", "subject"] as const) : (["subject", "peer"] as const);
    for (const side of order) pair[side] = await run(side);
    taken.push(pair);
  }
  return taken.slice(warmUps);
}
