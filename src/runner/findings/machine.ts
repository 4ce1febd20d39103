import type { Facts, Program } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { ok } from "./means.ts";

/** What an issue report should have, and podman does not depend on. */
export function machine({ kernel, container, hostPodman, privileges }: Facts): Finding[] {
  return [
    ok("kernel", `${kernel.release} ${kernel.architecture}`),
    ok("container", container ?? "none"),
    ok(
      "sudo",
      privileges.noNewPrivs && privileges.sudo !== "root" ? "no effect (NoNewPrivs)" : privileges.sudo,
    ),
    ok("host's podman", unused(hostPodman)),
  ];
}

const unused = (program: Program | undefined): string =>
  program === undefined ? "none" : `${program.version}, not used`;
