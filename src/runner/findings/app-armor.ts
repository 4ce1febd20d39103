import { join } from "node:path";
import { shortDigest } from "../../digest.ts";
import type { Facts } from "../facts.ts";
import type { Action, Finding } from "../finding.ts";
import type { Wishes } from "../plan.ts";
import { canHave, change, type Means, ok } from "./means.ts";
import { isAppArmor, sysctl } from "./user-namespaces.ts";

const name = "AppArmor";
const key = "kernel.apparmor_restrict_unprivileged_userns";
const load = "Load an AppArmor profile for the environment's unshare and nsenter";

/** With the programs to use; undefined: those of PATH. */
export interface AppArmorFinding {
  finding: Finding;
  tools: string | undefined;
}

/**
 * How programs of ours get past the restriction of user namespaces (Ubuntu 23.10 and newer), which forbids them to
 * programs without a profile. Without a profile of ours, enter.sh starts the environment by sudo.
 */
export function appArmor(facts: Facts, wishes: Wishes, means: Means): AppArmorFinding {
  const without = (finding: Finding): AppArmorFinding => ({ finding, tools: undefined });
  if (!facts.appArmor.enabled) return without(ok(name, "off"));
  if (!isAppArmor(facts)) return without(ok(name, "no restriction of this user's namespaces"));
  if (facts.user.uid === 0 || !canHave(facts, "sys_admin")) {
    return without(denied(facts, "a container's root may not change that"));
  }
  if (means.obstacle !== undefined && !means.tried) return without(denied(facts, means.obstacle));
  const { parser, abi4 } = facts.appArmor;
  if (wishes.appArmor === "sysctl") {
    const setting = { key, value: 1, wanted: 0 };
    // It was set, and the probes still fail.
    if (means.obstacle !== undefined) return without(denied(facts, means.obstacle));
    return without(change(name, `${key} is 1`, [sysctl(setting)]));
  }
  const bySudo: Finding = {
    name,
    verdict: "hint",
    found: "user namespaces restricted; the environment is started by sudo",
    cause:
      "Containers with a user namespace of their own (--userns keep-id, auto) may be refused, as no AppArmor profile is loaded",
    remedy: "Give apparmor: profile, on a machine with apparmor_parser 4 or newer",
  };
  if (wishes.appArmor === "off" || parser === undefined || !abi4) return without(bySudo);
  if (means.failed.includes(load)) return without(bySudo);
  const tools = join(wishes.home, "tools");
  if (means.tried) return { finding: ok(name, `profile ${profileName(tools)}`), tools };
  return { finding: change(name, "user namespaces restricted", profileActions(tools, parser)), tools };
}

function denied({ container }: Facts, obstacle: string): Finding {
  return {
    name,
    verdict: "failed",
    found: "user namespaces restricted",
    cause: `AppArmor keeps user namespaces from programs without a profile (${key} is 1), and ${obstacle}`,
    remedy: `${container === undefined ? "Allow sudo without a password" : "Start the container with all privileges"}, or run on the machine: sudo sysctl -w ${key}=0`,
  };
}

/** @param parser absolute path of apparmor_parser(8) */
function profileActions(tools: string, parser: string): Action[] {
  const programs = ["unshare", "nsenter"] as const;
  const file = join(tools, "profile");
  const text = renderProfile(tools);
  return [
    ...programs.map(
      (program): Action => ({
        name: `Copy ${program} for the environment`,
        step: { kind: "copy", program, to: join(tools, program) },
        remedy: `install -D "$(command -v ${program})" ${join(tools, program)}`,
        undo: [
          {
            name: `Remove the copy of ${program}`,
            step: { kind: "remove", path: join(tools, program) },
            when: "always",
          },
        ],
      }),
    ),
    {
      name: "Write an AppArmor profile",
      step: { kind: "write", path: file, text },
      remedy: `make ${tools} writable`,
      undo: [
        {
          name: "Remove the AppArmor profile's file",
          step: { kind: "remove", path: file },
          when: "always",
        },
      ],
    },
    {
      name: load,
      step: { kind: "run", command: [parser, "--replace", "--skip-cache", file] },
      remedy: `sudo ${parser} --replace ${file}`,
      // Without it, sudo starts the environment.
      optional: true,
      undo: [
        {
          name: "Unload the AppArmor profile",
          step: { kind: "run", command: [parser, "--remove", file] },
          when: "always",
        },
      ],
    },
  ];
}

/** One for each directory, as two runners of one machine have each their own. */
export const profileName = (tools: string): string => `podman-rootless-${shortDigest(tools)}`;

/**
 * A profile that changes nothing for the programs of exactly this directory but that they may create user namespaces.
 *
 * @param tools absolute path without symbolic links
 */
export function renderProfile(tools: string): string {
  // apparmor.d(5): in a path these are patterns, unless escaped.
  const path = tools.replace(/[\\"*?[\]{}^]/g, "\\$&");
  return `abi <abi/4.0>,

profile ${profileName(tools)} "${path}/{unshare,nsenter}" flags=(unconfined) {
  userns,
}
`;
}
