import { chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "../assets/run.ts";

/** Files of a machine, for its user. */
export interface MachineFiles {
  /** Writes a file, with what directories above it are missing. */
  write(path: string, text: string): Promise<void>;
  /** Throws when there is no such file. */
  read(path: string): Promise<string>;
  /** Copies what is in a folder of the host to one in the machine, which exists. */
  copy(source: string, destination: string): Promise<void>;
}

/** The files of a machine that the host sees too. */
export function machineFiles(hostPath: (path: string) => string, owner: number): MachineFiles {
  return {
    write: async (path, text) => {
      const host = hostPath(path);
      await makeDirectory(dirname(host), owner);
      await writeFile(host, text);
      await chown(host, owner, owner);
    },
    read: (path) => readFile(hostPath(path), "utf8"),
    copy: async (source, destination) => {
      await run("cp", ["-a", `${source}/.`, hostPath(destination)]);
      await run("chown", ["-R", `${owner}:${owner}`, hostPath(destination)]);
    },
  };
}

/** Like mkdir -p, by the machine's user. */
async function makeDirectory(host: string, owner: number): Promise<void> {
  const first = await mkdir(host, { recursive: true });
  for (let path = host; first !== undefined && path.length >= first.length; path = join(path, "..")) {
    await chown(path, owner, owner);
  }
}
