import type { Facts } from "../facts.ts";
import type { Action, Finding } from "../finding.ts";

/** What this process may do about what is missing. */
export interface Means {
  /** Why it cannot be changed as root, to follow "and"; undefined: it can. */
  obstacle: string | undefined;
  /** Names of the optional actions that were done before and failed. */
  failed: readonly string[];
  /** Whether the actions were done already: what is missing still stays so. */
  tried: boolean;
}

/** @param failed names of the optional actions that failed; undefined: none was done yet */
export function meansOf({ privileges }: Facts, failed?: readonly string[]): Means {
  const obstacle =
    failed === undefined ? rootObstacle(privileges) : "what was done about it as root did not help";
  return { obstacle, failed: failed ?? [], tried: failed !== undefined };
}

function rootObstacle({ sudo, sudoError, noNewPrivs }: Facts["privileges"]): string | undefined {
  if (sudo === "root") return undefined;
  if (noNewPrivs) return "sudo has no effect, as NoNewPrivs is set for this process";
  if (sudo === "passwordless") return undefined;
  if (sudo === "absent") return "there is no sudo";
  return sudo === "password" ? "sudo asks for a password" : `sudo refuses (${sudoError})`;
}

/** Whether root's programs can have the capability here, such as "sys_admin". */
export const canHave = ({ privileges }: Facts, capability: string): boolean =>
  privileges.bounding?.includes(capability) ?? true;

export const ok = (name: string, found: string): Finding => ({ name, verdict: "ok", found });

export const change = (name: string, found: string, actions: Action[]): Finding => ({
  name,
  verdict: "change",
  found,
  actions,
});

/** One of these texts, by what the process runs in. */
export function byContainer(
  container: Facts["container"],
  texts: { docker: string; podman?: string; kubernetes: string; machine: string },
): string {
  if (container === "docker") return texts.docker;
  if (container === "podman") return texts.podman ?? texts.docker;
  return container === "kubernetes" ? texts.kubernetes : texts.machine;
}
