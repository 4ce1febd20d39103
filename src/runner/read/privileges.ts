import type { Output } from "../../exec.ts";
import { linesOf } from "../../log.ts";
import type { Privileges } from "../facts.ts";
import { textOf } from "./file.ts";
import { attempt, findProgram } from "./program.ts";

/** linux/capability.h: those that podman's programs and ours need. */
const capabilities = { setgid: 6n, setuid: 7n, sys_admin: 21n, mknod: 27n } as const;

/** What /proc/PID/status says of a process's rights, proc_pid_status(5). */
export function parseStatus(
  status: string,
): Pick<Privileges, "noNewPrivs" | "seccomp" | "sysAdmin" | "bounding"> {
  const field = (name: string) => new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0";
  const has = (set: string, bit: bigint) => ((BigInt(`0x${field(set)}`) >> bit) & 1n) === 1n;
  return {
    noNewPrivs: field("NoNewPrivs") === "1",
    seccomp: Number(field("Seccomp")),
    sysAdmin: has("CapEff", capabilities.sys_admin),
    bounding: Object.entries(capabilities)
      .filter(([, bit]) => has("CapBnd", bit))
      .map(([name]) => name),
  };
}

/** sudo's own words; sudo-rs's, which Ubuntu 25.10 and newer have. */
const asks = /a password is required|interactive authentication is required/i;

/** @param output of `sudo --non-interactive true` */
export function sudoOf({ code, stderr }: Output): Pick<Privileges, "sudo" | "sudoError"> {
  if (code === 0) return { sudo: "passwordless", sudoError: "" };
  return {
    sudo: asks.test(stderr) ? "password" : "refused",
    sudoError: firstWords(stderr) ?? `sudo ended with exit code ${code}`,
  };
}

/** The first line is the reason, and others advise; but before it, sudo may complain of the host's name. */
const firstWords = (stderr: string): string | undefined =>
  linesOf(stderr)
    .find((line) => !line.includes("unable to resolve host"))
    ?.trim()
    .replace(/\.$/, "");

/** It asks the resolver for the host's name, and one that does not answer takes its time. */
const sudoSeconds = 30;

export async function readPrivileges(): Promise<Privileges> {
  const [status, sudo] = await Promise.all([textOf("/proc/self/status"), readSudo()]);
  const { bounding = [], ...rights } = parseStatus(status ?? "");
  return { ...rights, ...(status !== undefined && { bounding }), ...sudo };
}

async function readSudo(): Promise<Pick<Privileges, "sudo" | "sudoError">> {
  if (process.getuid?.() === 0) return { sudo: "root", sudoError: "" };
  const sudo = await findProgram("sudo");
  if (sudo === undefined) return { sudo: "absent", sudoError: "" };
  return sudoOf(await attempt(sudo, ["--non-interactive", "true"], sudoSeconds));
}
