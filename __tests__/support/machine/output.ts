import type { ExecResult } from "./exec.ts";

/**
 * The standard output, trimmed, of a script that ended with 0.
 *
 * @throws {Error} with the script and all of the result, when it ended otherwise
 */
export function outputOf(script: string, result: ExecResult): string {
  if (result.code !== 0) throw new Error(`${script}\nended with ${JSON.stringify(result)}`);
  return result.stdout.trim();
}
