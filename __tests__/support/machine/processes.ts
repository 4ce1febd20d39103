import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { kill } from "node:process";

export interface Process {
  /** As the machine knows it. */
  pid: number;
  /** As the host knows it. */
  hostPid: number;
  /** The parent's, as the host knows it. */
  hostParent: number;
  /** Real uid, in the host's numbers. */
  uid: number;
  /** As in ps: R, S, D, Z, ... */
  state: string;
  /** The executable's short name, at most 15 characters. */
  name: string;
  /** Its arguments; empty for a zombie. */
  command: string[];
}

/**
 * The processes of a cgroup and those below it that live in a pid namespace other than ours: containers'
 * included, commands of the host that are about to enter left out.
 */
export function listProcesses(cgroup: string): Process[] {
  return cgroupPids(cgroup)
    .map(readProcess)
    .filter((process) => process !== undefined)
    .sort((a, b) => a.pid - b.pid);
}

function cgroupPids(cgroup: string): number[] {
  let entries: string[];
  try {
    entries = readdirSync(cgroup, { recursive: true, encoding: "utf8" });
  } catch {
    return []; // removed meanwhile
  }
  const lists = entries.filter((path) => path === "cgroup.procs" || path.endsWith("/cgroup.procs"));
  return lists.flatMap((path) => (tryRead(join(cgroup, path)) ?? "").split("\n").filter(Boolean).map(Number));
}

function readProcess(hostPid: number): Process | undefined {
  const status = tryRead(`/proc/${hostPid}/status`);
  if (status === undefined) return undefined; // ended meanwhile
  const fields = new Map(status.split("\n").map((line) => line.split(":\t", 2) as [string, string]));
  const pids = (fields.get("NSpid") ?? "").trim().split(/\s+/).map(Number);
  if (pids.length < 2) return undefined;
  return {
    pid: pids[1] ?? 0,
    hostPid,
    hostParent: Number(fields.get("PPid")),
    uid: Number(fields.get("Uid")?.split("\t")[0]),
    state: fields.get("State")?.trim().charAt(0) ?? "?",
    name: fields.get("Name") ?? "?",
    command: (tryRead(`/proc/${hostPid}/cmdline`) ?? "").split("\0").filter(Boolean),
  };
}

/** Kills what descends from a process: all that a command started and did not detach. */
export function killDescendants(hostPid: number): void {
  // From the top: a shell whose command is killed before it goes on with the next.
  for (const descendant of descendantsOf(hostPid)) {
    try {
      kill(descendant, "SIGKILL");
    } catch {
      // ended meanwhile
    }
  }
}

function descendantsOf(hostPid: number): number[] {
  return childrenOf(hostPid).flatMap((child) => [child, ...descendantsOf(child)]);
}

function childrenOf(hostPid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      const stat = tryRead(`/proc/${name}/stat`); // the name, in parentheses, may hold anything
      return stat !== undefined && Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === hostPid;
    })
    .map(Number);
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
