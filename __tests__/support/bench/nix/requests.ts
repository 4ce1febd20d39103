import type { Tarball } from "../../../../src/nix/releases.ts";

/** What ours.ts is asked in the machine; paths are the machine's. */
export interface Requests {
  /** Install Nix where there is none. */
  install: { tarball: Tarball; temporary: string };
  /** Fetch a closure from the cache service, and make its store paths ones of the machine, below /nix/store. */
  restore: { key: string; temporary: string };
}

/** Times in milliseconds, without node's own start, which a job's main has behind it, and without the download. */
export interface Answers {
  install: Provided;
  restore: Provided;
}

export interface Provided {
  milliseconds: number;
  /** Absolute path of the directory with Nix's programs. */
  bin: string;
}
