import type { FlakeReference } from "../flake/reference.ts";
import type { Inputs } from "../inputs.ts";
import type { Nix } from "../nix/find.ts";
import { currentSystem } from "../nix/releases.ts";
import type { Place } from "../place.ts";
import { formFor, type Ground } from "./ground.ts";
import type { Identity } from "./identity.ts";
import type { ClosureParts } from "./key.ts";

export interface ClosureRequest extends Place, Pick<Inputs, "flake" | "nix" | "cache" | "keep"> {
  /** Absolute path of a directory for files of the job's. */
  home: string;
}

/** How the closure of a flake is known, and where it goes. */
export interface Plan {
  request: ClosureRequest;
  reference: FlakeReference;
  identity: Identity;
  ground: Ground;
  parts: ClosureParts;
  /** The machine's own Nix, which is used. */
  found: Nix | undefined;
  /** Nothing of the job is there for a next one. */
  ends: boolean;
  hosted: boolean;
}

/** What a closure is named by, on this machine. */
export function planFor(
  request: ClosureRequest,
  reference: FlakeReference,
  identity: Identity,
  ground: Ground,
  found: Nix | undefined,
): Plan {
  const hosted = process.env.RUNNER_ENVIRONMENT === "github-hosted";
  const parts = partsOf(request, reference, identity, ground, found);
  return { request, reference, identity, ground, parts, found, ends: hosted || !request.keep, hosted };
}

/** Whether a closure can be used; elsewhere Nix and its store are found or made by a cold start alone. */
export function fits(
  { nix, root }: Ground,
  found: Nix | undefined,
  { nix: { mode } }: ClosureRequest,
): boolean {
  if (found === undefined) return mode !== "existing" && (nix === "own" || (nix === "missing" && root));
  return nix !== "missing";
}

function partsOf(
  { nix }: ClosureRequest,
  { attribute }: FlakeReference,
  { digest }: Identity,
  ground: Ground,
  found: Nix | undefined,
): ClosureParts {
  const secrets = /^\s*(extra-)?(access-tokens|netrc-file)\b/;
  return {
    system: currentSystem(),
    form: formFor(ground),
    nix: found === undefined ? (nix.tarball?.sha256 ?? nix.version) : undefined,
    flake: digest,
    attribute,
    settings: [
      `accept-flake-config ${nix.acceptFlakeConfig}`,
      ...nix.publicKeys,
      ...nix.config.split("\n").filter((line) => line.trim() !== "" && !secrets.test(line)),
    ],
  };
}
