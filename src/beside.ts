import { AsyncLocalStorage } from "node:async_hooks";

/** Work that goes on beside others. */
export interface Beside<T> {
  /** Shows what the work has logged by now, and what it logs from here on; and waits for its end. */
  join(): Promise<T>;
}

/**
 * Begins work beside a stage whose lines in the log stay its own: those of the work are kept until it is joined. Its error is
 * thrown there, and not before.
 */
export function beside<T>(work: () => Promise<T>): Beside<T> {
  hold();
  const held: Held = { lines: [] };
  const result = holding.run(held, work);
  result.catch(() => {});
  return {
    join: () => {
      const { lines = [] } = held;
      held.lines = undefined;
      for (const line of lines) process.stdout.write(line);
      return result;
    },
  };
}

/** Undefined once it is shown as it comes. */
interface Held {
  lines: (string | Uint8Array)[] | undefined;
}

// Known by the asynchronous context, as work goes on side by side.
const holding = new AsyncLocalStorage<Held>();
let holder: typeof process.stdout.write | undefined;

function hold(): void {
  if (process.stdout.write === holder) return;
  const write = process.stdout.write.bind(process.stdout) as (...args: unknown[]) => boolean;
  holder = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    const lines = holding.getStore()?.lines;
    if (lines === undefined) return write(chunk, ...rest);
    lines.push(chunk);
    // As a stream that has taken it.
    for (const done of rest) if (typeof done === "function") done();
    return true;
  }) as typeof process.stdout.write;
  process.stdout.write = holder;
}
