import { createHash } from "node:crypto";
import type { System } from "../nix/releases.ts";

/** How a closure is stored: mounted as it is, or unpacked where nothing can be mounted. */
export type Form = "squashfs" | "tar";

/** All that tells one cached closure from another. */
export interface ClosureParts {
  system: System;
  form: Form;
  /** The Nix in it: its version, or the hash of the tarball that it is from; undefined: there is none in it. */
  nix: string | undefined;
  /** See {@link Identity}. */
  flake: string;
  /** As given after "#". */
  attribute: string | undefined;
  /** Settings by which Nix makes or believes something else. */
  settings: readonly string[];
}

// Of what is in an entry and how keys are made; a change of either makes older entries unreadable.
const schema = "v1";

/** The name of what is in a closure: equal on machines that store it in unlike forms. 32 hexadecimal digits. */
export function closureDigest({
  system,
  nix,
  flake,
  attribute,
  settings,
}: Omit<ClosureParts, "form">): string {
  const text = JSON.stringify([schema, system, nix ?? null, flake, attribute ?? null, settings]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** The exact key of the entry: what is in it follows from the key, so it is never replaced by a newer one. */
export const closureKey = (parts: ClosureParts): string =>
  `podman-rootless-closure-${schema}-${parts.system}-${parts.form}-${closureDigest(parts)}`;
