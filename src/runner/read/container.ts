import type { Facts } from "../facts.ts";
import { exists, textOf } from "./file.ts";

/** What containers leave where their processes can see it. */
export interface Traces {
  kubernetes: boolean;
  /** /run/.containerenv */
  containerEnv: boolean;
  /** /.dockerenv */
  dockerEnv: boolean;
  /** What a manager says it is, in `container` or /run/systemd/container; "" where none does. */
  manager: string;
  /** /proc/1/cgroup, which has the container's name where it has no cgroup namespace of its own. */
  cgroup: string;
}

const known: [RegExp, NonNullable<Facts["container"]>][] = [
  [/kube/, "kubernetes"],
  [/podman|libpod/, "podman"],
  [/docker/, "docker"],
  [/lxc/, "lxc"],
];

export function containerOf(traces: Traces): Facts["container"] {
  // In a pod, the runtime's own traces are there too.
  if (traces.kubernetes) return "kubernetes";
  if (traces.containerEnv) return "podman";
  if (traces.dockerEnv) return "docker";
  for (const trace of [traces.manager, traces.cgroup]) {
    const match = known.find(([pattern]) => pattern.test(trace));
    if (match !== undefined) return match[1];
  }
  return traces.manager === "" ? undefined : "other";
}

export async function readContainer(): Promise<Facts["container"]> {
  const [containerEnv, dockerEnv, account, manager, cgroup] = await Promise.all([
    exists("/run/.containerenv"),
    exists("/.dockerenv"),
    exists("/run/secrets/kubernetes.io"),
    textOf("/run/systemd/container"),
    textOf("/proc/1/cgroup"),
  ]);
  return containerOf({
    kubernetes: account || process.env.KUBERNETES_SERVICE_HOST !== undefined,
    containerEnv,
    dockerEnv,
    manager: process.env.container || manager?.trim() || "",
    cgroup: cgroup ?? "",
  });
}
