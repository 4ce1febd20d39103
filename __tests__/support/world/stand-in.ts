import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../machine/machine.ts";
import { prepareDebianRoot, writeStandInFlake } from "../stand-in.ts";
import { repository } from "./world.ts";

/** What takes the place of nixpkgs and of Nix's release host. */
export interface StandIn {
  inputs: Record<string, string>;
  mounts: Mount[];
}

export interface StandInParts {
  /** A Debian root with podman and its helpers. */
  environment: string;
  /** A directory to write to. */
  scratch: string;
  /** A release tarball that can be had from here. */
  nix: { url: string; sha256: string };
}

// The same places on the host, while the lock file is made, and in the machines.
const seen = { flake: "/srv/flake", debian: "/srv/debian" };

// Builders of the stand-in run the machine's own shell, which a sandbox does not show; and there is no binary
// cache to ask.
const nixConf = "sandbox = false\nsubstituters =\n";

/**
 * Puts together the flake that provides podman here, with its lock file, and a nix.conf for the machines.
 * Needs root, and Debian's Nix.
 */
export function standIn({ environment, scratch, nix }: StandInParts): StandIn {
  const debian = join(scratch, "debian");
  prepareDebianRoot(environment, debian);
  const flake = join(scratch, "flake");
  const reference = writeStandInFlake({
    directory: flake,
    action: repository,
    debian: seen.debian,
    seenAt: seen.flake,
  });
  lock(flake, debian);
  const conf = join(scratch, "nix.conf");
  writeFileSync(conf, nixConf);
  return {
    inputs: { flake: reference, "nix-url": nix.url, "nix-sha256": nix.sha256 },
    mounts: [
      { source: flake, target: seen.flake },
      { source: debian, target: seen.debian },
      { source: conf, target: "/etc/nix/nix.conf" },
    ],
  };
}

/** Writes flake.lock: with the content hashes in it Nix copies the Debian root once a machine, not at every step. */
function lock(flake: string, debian: string): void {
  const store = join(flake, "..", "lock-store");
  mkdirSync(store);
  const script = `
    mount -t tmpfs tmpfs /srv
    mkdir ${seen.flake} ${seen.debian}
    mount --bind "$1" ${seen.flake}
    mount --bind "$2" ${seen.debian}
    exec nix --extra-experimental-features 'nix-command flakes' --store "$3" flake lock path:${seen.flake}`;
  execFileSync("unshare", ["--mount", "sh", "-euc", script, "lock", flake, debian, store], { stdio: "pipe" });
  execFileSync("sh", ["-c", 'chmod -R u+w "$1" && rm -rf "$1"', "sh", store]);
}
