import { warning } from "@actions/core";
import { info } from "../log.ts";
import { reasonOf } from "./apply.ts";
import type { Undo } from "./finding.ts";
import { doStep } from "./steps.ts";

/** In the words of the C library, of usermod(8), of apparmor_parser(8) and of umount(8). */
const gone = /no such file or directory|does(n't| not) exist|ENOENT|: not mounted|no mount point specified/i;

/**
 * Takes back what was done to the machine, from last to first. What cannot be is one warning each.
 *
 * @param keep leave what a next job can use
 */
export async function undoAll(undos: readonly Undo[], keep: boolean): Promise<void> {
  for (const { name, step, when } of [...undos].reverse()) {
    if (keep && when === "unless-kept") continue;
    info(name);
    try {
      await doStep(step);
    } catch (error) {
      const words = reasonOf(error);
      // Somebody else was first, or the action was not done after all.
      if (!gone.test(words)) warning(`${name}: failed (${words}). Do it by hand`);
    }
  }
}
