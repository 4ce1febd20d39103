import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { type Means, ok } from "./means.ts";

const name = "Nix";

/** Nix as it is, or where it will be installed. */
export function nix({ nix: { program, directory } }: Facts, means: Means): Finding {
  if (program !== undefined) return ok(name, `${program.version} (${program.path})`);
  if (directory === "own") return ok(name, "to be installed in /nix, which is the user's");
  // In a user namespace, which podman cannot do without either.
  const atHome = "to be installed below the home directory";
  if (directory === "other") return ok(name, `${atHome}, as /nix is another user's`);
  // The stage that installs it makes the directory: there was nothing to try here.
  if (means.obstacle === undefined || means.tried) return ok(name, "to be installed");
  return ok(name, `${atHome}, as ${means.obstacle}`);
}
