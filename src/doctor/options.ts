import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { resolvePath } from "../environment/layout.ts";
import { type RunnerInputs, runner, storageRoot } from "../inputs.ts";
import { messageOf } from "../log.ts";
import { storesDirectory } from "../place.ts";

export interface Options {
  help: boolean;
  json: boolean;
  wishes: RunnerInputs;
  /** Absolute path of the image store, or of the directory where it will be. */
  storageRoot: string;
}

export const usage = `Usage: podman-rootless doctor [OPTIONS]

Says whether rootless podman works on this machine, what is missing, and what the action would do about it.
Nothing is changed. Ends with 0 where it works or the action makes it work, with 1 where it does not, and with
2 for options that are none.

  --json                   one object for programs instead of a table for people; see docs/doctor.md
  --storage-driver NAME    as the action's inputs of these names
  --storage-root DIR
  --subordinate-ids RANGE
  --apparmor MODE
  --allow-single-id
  -h, --help               this text
`;

const options = {
  help: { type: "boolean", short: "h", default: false },
  json: { type: "boolean", default: false },
  // As in action.yml.
  "storage-driver": { type: "string", default: "fuse-overlayfs" },
  "storage-root": { type: "string", default: "" },
  "subordinate-ids": { type: "string", default: "" },
  apparmor: { type: "string", default: "profile" },
  "allow-single-id": { type: "boolean", default: false },
} as const;

/** Options that are none, or have values that none of the inputs would have. */
export class UsageError extends Error {}

/**
 * @param args such as ["--json"]
 * @throws {UsageError} in one line
 */
export function parseOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({ args: [...args], options });
    const read = (name: string) => String(values[name as keyof typeof values]);
    return {
      help: values.help,
      json: values.json,
      wishes: runner(read),
      storageRoot: resolvePath(storageRoot(read("storage-root")) ?? storesDirectory(), resolve()),
    };
  } catch (error) {
    throw new UsageError(messageOf(error).split("\n")[0]);
  }
}
