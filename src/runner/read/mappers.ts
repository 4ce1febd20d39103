import { stat } from "node:fs/promises";
import type { Mapper } from "../facts.ts";
import { isMounted, type Mount } from "./mounts.ts";
import { attempt, findProgram, findRootProgram } from "./program.ts";

const setuid = 0o4000;

/**
 * @param output of getcap(8): "/usr/bin/newuidmap cap_setuid=ep", with a "=" of its own before libcap 2.41; empty for a
 *   file without capabilities
 */
export function hasCapability(output: string, capability: "cap_setuid" | "cap_setgid"): boolean {
  return new RegExp(`\\b${capability}\\b[a-z_,]*[=+][a-z]*p`).test(output);
}

/** newuidmap(1) or newgidmap(1). */
export async function readMapper(kind: "uid" | "gid", mounts: readonly Mount[]): Promise<Mapper> {
  const path = await findProgram(`new${kind}map`);
  if (path === undefined) return { path, privileged: false };
  const [file, nosuid] = await Promise.all([
    stat(path).catch(() => undefined),
    isMounted(mounts, path, "nosuid"),
  ]);
  if (nosuid || file === undefined) return { path, privileged: false };
  if ((file.mode & setuid) !== 0 && file.uid === 0) return { path, privileged: true };
  // Capabilities are in an extended attribute, which Node cannot read.
  const getcap = await findRootProgram("getcap");
  const { stdout } = getcap === undefined ? { stdout: "" } : await attempt(getcap, [path]);
  return { path, privileged: hasCapability(stdout, `cap_set${kind}`) };
}
