import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { byContainer, ok } from "./means.ts";

const name = "cgroups";

/** What limits such as --memory need. */
const needed = ["cpu", "memory", "pids"] as const;

/** Whether limits of containers work; containers run without, too. */
export function cgroups({ cgroups: { mode, writable, ...rest }, session, container }: Facts): Finding {
  if (mode !== "v2") {
    return {
      name,
      verdict: "hint",
      found: mode,
      cause: `Limits such as --memory are refused or ignored: cgroup v2 is not what this machine has (${mode})`,
      remedy: byContainer(container, {
        docker: "Run the container on a machine with cgroup v2, with --cgroupns private",
        kubernetes: "Run the pod on a node with cgroup v2",
        machine: "Start the machine with systemd.unified_cgroup_hierarchy=1",
      }),
    };
  }
  // Where there is a bus, podman asks the user's systemd for cgroups, which has some of its own to give.
  const delegated = session.bus === undefined ? undefined : rest.delegated;
  const there = delegated ?? (writable ? rest.controllers : []);
  const missing = needed.filter((one) => !there.includes(one));
  if (missing.length === 0) return ok(name, `v2, with ${needed.join(", ")}`);
  return {
    name,
    verdict: "hint",
    found: `v2, without ${missing.join(", ")}`,
    cause: `Limits such as --memory are refused or ignored for want of a cgroup of the user's own with ${missing.join(", ")}`,
    remedy: byContainer(container, {
      docker: "Start the container with --privileged --cgroupns private if jobs use such limits",
      kubernetes: "Use the limits of the pod",
      machine:
        "Run beforehand: sudo loginctl enable-linger $(id -un), or set Delegate=yes for the runner's service",
    }),
  };
}
