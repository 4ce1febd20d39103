import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { type Means, ok } from "./means.ts";

const name = "Nix";

/** Nix as it is, or a place where it can be installed. */
export function nix({ nix: { program, directory } }: Facts, means: Means): Finding {
  if (program !== undefined) return ok(name, `${program.version} (${program.path})`);
  if (directory === "own") return ok(name, "to be installed in /nix, which is the user's");
  if (directory === "other") {
    return {
      name,
      verdict: "failed",
      found: "/nix of another user",
      cause: "/nix belongs to another user and no Nix of 2.8 or newer is on PATH",
      remedy: "Put that installation's nix on PATH, or remove /nix",
    };
  }
  // The stage that installs it makes the directory: there was nothing to try here.
  if (means.obstacle === undefined || means.tried) return ok(name, "to be installed");
  return {
    name,
    verdict: "failed",
    found: "no /nix",
    cause: `Cannot make /nix for Nix, as ${means.obstacle}`,
    remedy:
      "Allow sudo without a password, install Nix beforehand, or run: sudo install -d -o $(id -un) /nix",
  };
}
