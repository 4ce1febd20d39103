import type { Tarball } from "../../../../src/nix/releases.ts";

/** What ours.ts is asked in the machine; paths are the machine's. */
export interface Requests {
  /** Install Nix where there is none. */
  install: { tarball: Tarball; temporary: string };
}

/** Times in milliseconds, without node's own start, which a job's main has behind it. */
export interface Answers {
  install: { milliseconds: number; bin: string };
}
