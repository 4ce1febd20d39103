import type { Facts, Mapper } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { byContainer, canHave, type Means, ok } from "./means.ts";

const name = "id maps";

/** Who writes the environment's id maps: newuidmap and newgidmap, or root. */
export function idMaps(facts: Facts, means: Means): Finding {
  const { mappers, user, privileges } = facts;
  if (!canHave(facts, "setuid") || !canHave(facts, "setgid")) return incapable(facts);
  const problem =
    unfit("newuidmap", mappers.uid) ??
    unfit("newgidmap", mappers.gid) ??
    (user.name === undefined ? { words: "newuidmap serves no user without a name" } : undefined);
  // user_namespaces(7): who writes a map has CAP_SYS_ADMIN over the namespace, as its owner has anyway.
  const able = canHave(facts, "sys_admin");
  const root = user.uid === 0 || (privileges.sudo === "passwordless" && !privileges.noNewPrivs && able);
  if (root) return ok(name, problem === undefined ? "newuidmap, newgidmap" : `root (${problem.words})`);
  if (privileges.noNewPrivs) return noNewPrivileges(facts);
  if (problem === undefined) return ok(name, "newuidmap, newgidmap");
  return {
    name,
    verdict: "failed",
    found: problem.words,
    cause: `Nobody can write the id maps: ${problem.words}, and ${means.obstacle ?? "sudo gives no CAP_SYS_ADMIN here"}`,
    remedy: problem.remedy ?? "Use a user that is in /etc/passwd",
  };
}

/** Why a program of these does nothing for the user. */
function unfit(
  program: string,
  { path, privileged }: Mapper,
): { words: string; remedy?: string } | undefined {
  if (path === undefined) {
    return {
      words: `${program} is not installed`,
      remedy: "Install the package uidmap (on Fedora, shadow-utils), or allow sudo without a password",
    };
  }
  if (privileged) return undefined;
  return {
    words: `${path} is not setuid root and has no capability`,
    remedy: `Run beforehand: sudo chmod u+s ${path} (on a file system that is not mounted nosuid), or allow sudo without a password`,
  };
}

function noNewPrivileges({ container }: Facts): Finding {
  return {
    name,
    verdict: "failed",
    found: "NoNewPrivs is set",
    cause: "NoNewPrivs is set for this process, so that sudo and newuidmap have no effect",
    remedy: byContainer(container, {
      docker: "Start the container without --security-opt no-new-privileges",
      kubernetes: "Give the container the securityContext {allowPrivilegeEscalation: true}",
      machine:
        "Remove NoNewPrivileges= and what implies it (systemd.exec(5)) from the unit of the runner's service",
    }),
  };
}

function incapable({ container }: Facts): Finding {
  return {
    name,
    verdict: "failed",
    found: "no CAP_SETUID, CAP_SETGID",
    cause:
      "Nobody can write the id maps: CAP_SETUID or CAP_SETGID is not in the bounding set of this process",
    remedy: byContainer(container, {
      docker: "Start the container with --cap-add SETUID --cap-add SETGID",
      kubernetes: "Give the container the securityContext {capabilities: {add: [SETUID, SETGID]}}",
      machine: "Remove CapabilityBoundingSet= from the unit of the runner's service",
    }),
  };
}
