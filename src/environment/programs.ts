import { join } from "node:path";
import { isThere } from "../files.ts";
import { onMachine } from "../nix/find.ts";
import type { Environment } from "./environment.ts";

/** Whether an FHS root has a program; a link to it is enough, as it may lead to what is in the environment only. */
export async function hasProgram(
  { rootfs, nix }: Pick<Environment, "rootfs" | "nix">,
  name: string,
): Promise<boolean> {
  for (const folder of ["usr/bin", "usr/sbin"]) {
    if (await isThere(join(onMachine({ directory: nix }, rootfs), folder, name))) return true;
  }
  return false;
}
