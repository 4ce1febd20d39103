import { examine } from "./examination.ts";
import { type Options, parseOptions, UsageError, usage } from "./options.ts";
import { isReady, renderJson, renderText } from "./render.ts";

export interface Streams {
  out(text: string): void;
  error(text: string): void;
}

const standard: Streams = {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
};

/**
 * The command `doctor`: says whether podman works on this machine.
 *
 * @param args what follows "doctor"
 * @returns the exit code: 0 ready, or will be; 1 not; 2 bad usage
 */
export async function doctor(args: readonly string[], { out, error }: Streams = standard): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (problem) {
    if (!(problem instanceof UsageError)) throw problem;
    error(`podman-rootless doctor: ${problem.message}\n`);
    error(`\n${usage}`);
    return 2;
  }
  if (options.help) {
    out(usage);
    return 0;
  }
  // Lines for debugging are commands to a runner, and would stand in the output.
  delete process.env.RUNNER_DEBUG;
  const examination = await examine(options);
  out(options.json ? renderJson(examination) : renderText(examination));
  return isReady(examination) ? 0 : 1;
}
