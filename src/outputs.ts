import { setOutput } from "@actions/core";
import { info } from "./log.ts";

/** The outputs of action.yml. */
export interface Outputs {
  podman: string;
  "podman-version": string;
  "storage-root": string;
  "storage-driver": string;
  "cache-hit": boolean;
  "cache-key": string;
  "cache-matched-key": string;
  "cache-size": number;
  "flake-url": string;
  "flake-rev": string;
  "nix-version": string;
  socket: string;
  "docker-host": string;
}

export function setOutputs(outputs: Outputs): void {
  for (const [name, value] of Object.entries(outputs)) {
    setOutput(name, value);
    info(`${name}=${value}`);
  }
}
