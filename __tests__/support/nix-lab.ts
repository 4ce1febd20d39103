import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryRun } from "../../src/exec.ts";
import type { Nix } from "../../src/nix/find.ts";
import type { Release } from "./assets/debian-root.ts";
import { nixRoot } from "./world/by-hand.ts";

/** A Nix of a Debian release, with a store of its own: nothing of it is in the machine's. */
export interface NixLab {
  nix: Nix;
  /** What its commands need in their environment. */
  env: Record<string, string>;
  /** The directory with the store and all else; a path below it. */
  path(...names: string[]): string;
  /** Runs `nix ARGS` or another of its programs; standard output, trimmed. Throws for what fails. */
  run(args: string[], program?: string): Promise<string>;
  /** Writes `flake.nix` with these outputs below `path(name)` and returns its reference. */
  flake(name: string, outputs: string, rest?: string): string;
  close(): void;
}

export const nixReleases = [
  ["bookworm", "2.8.0"],
  ["trixie", "2.26.3"],
  ["forky", "2.34.8"],
] as const;

/** @param settings further lines of nix.conf(5), which win over the lab's own */
export async function openNixLab(release: Release, version: string, settings = ""): Promise<NixLab> {
  const root = await nixRoot(release);
  const directory = mkdtempSync(join(tmpdir(), "nix-lab-"));
  const path = (...names: string[]) => join(directory, ...names);
  for (const name of ["bin", "etc", "home"]) mkdirSync(path(name));
  const libraries = ["usr/lib", "lib"].map((lib) => `${root}/${lib}/$(uname -m)-linux-gnu`).join(":");
  for (const program of ["nix", "nix-store"]) {
    // By their own loader: these programs run where another Debian, or none, is the machine's.
    const script = `#!/bin/sh\nexec ${root}/lib*/ld-linux-*.so.* --argv0 ${program} --library-path "${libraries}" ${root}/usr/bin/${program} "$@"\n`;
    writeFileSync(path("bin", program), script);
    chmodSync(path("bin", program), 0o755);
  }
  // The hook would be started as /proc/self/exe, which is the loader; 2.8 has a path for it.
  const hook = version.startsWith("2.8.") ? {} : { NIX_CONFIG: "build-hook =" };
  const own =
    "experimental-features = nix-command flakes\nsandbox = false\nsubstituters =\nbuild-users-group =\n";
  writeFileSync(path("etc", "nix.conf"), `${own}${settings}\n`);
  const env = {
    HOME: path("home"),
    XDG_CONFIG_HOME: path("home", ".config"),
    XDG_CACHE_HOME: path("home", ".cache"),
    NIX_CONF_DIR: path("etc"),
    NIX_STORE_DIR: path("store"),
    NIX_STATE_DIR: path("var"),
    NIX_LOG_DIR: path("log"),
    ...hook,
  };
  const nix: Nix = { bin: path("bin"), version };
  return {
    nix,
    env,
    path,
    run: async (args, program = "nix") => {
      const { code, stdout, stderr } = await tryRun(path("bin", program), args, { env });
      if (code !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr}`);
      return stdout.trim();
    },
    flake: (name, outputs, rest = "") => {
      mkdirSync(path(name), { recursive: true });
      writeFileSync(path(name, "flake.nix"), `{ ${rest} outputs = { self, ... }: ${outputs}; }\n`);
      return `path:${path(name)}`;
    },
    // Root may remove what the store made read-only.
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
