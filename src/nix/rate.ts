import { formatBytes } from "../log.ts";

/** Seconds between two lines about the same work. */
const between = 5;

/**
 * One line about work that goes on, such as "Nix: 12.5 MB of 25.1 MB, 3.2 MB/s".
 *
 * @param bytes done so far
 * @param total of all; undefined: not known
 * @param seconds that it took so far
 */
export function rateLine(what: string, bytes: number, total: number | undefined, seconds: number): string {
  const amount = total === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(total)}`;
  return `${what}: ${amount}, ${formatBytes(seconds > 0 ? bytes / seconds : 0)}/s`;
}

/**
 * Lets a line through every few seconds, the first one only then: what is done soon says nothing.
 *
 * @param say takes a line
 * @param now gives milliseconds
 * @returns what takes a line in the making, called with the seconds since the beginning where it is to be said
 */
export function throttled(
  say: (line: string) => void,
  now: () => number = () => performance.now(),
): (line: (seconds: number) => string) => void {
  const start = now();
  let last = start;
  return (line) => {
    const time = now();
    if (time - last < between * 1000) return;
    last = time;
    say(line((time - start) / 1000));
  };
}
