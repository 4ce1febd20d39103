import type { StorageDriver } from "../inputs.ts";
import type { Facts } from "./facts.ts";
import type { Action, Finding } from "./finding.ts";
import { appArmor } from "./findings/app-armor.ts";
import { cgroups } from "./findings/cgroups.ts";
import { idMaps } from "./findings/id-maps.ts";
import { imageStore } from "./findings/image-store.ts";
import { machine } from "./findings/machine.ts";
import { type Means, meansOf } from "./findings/means.ts";
import { network } from "./findings/network.ts";
import { nix } from "./findings/nix.ts";
import { session } from "./findings/session.ts";
import { singleId } from "./findings/single-id.ts";
import { storageDriver } from "./findings/storage-driver.ts";
import { subordinateIds } from "./findings/subordinate-ids.ts";
import { home, user } from "./findings/user.ts";
import { userNamespaces } from "./findings/user-namespaces.ts";
import type { Range } from "./subordinate-ids.ts";

/** The inputs that the plan depends on. */
export interface Wishes {
  /** `auto`: the first of overlay (in the kernel), fuse-overlayfs, vfs that works here. */
  storageDriver: StorageDriver | "auto";
  /** The range to use and no other; undefined: the user's own, or a free one. */
  subordinateIds: Pick<Range, "start" | "count"> | undefined;
  /** How programs of ours are let past AppArmor's restriction of user namespaces. */
  appArmor: "profile" | "sysctl" | "off";
  /** Whether podman may start with the user's own id alone, where there are no subordinate ids. */
  allowSingleId: boolean;
  /** Absolute path of a directory for files that the actions make, such as RUNNER_TEMP/podman-rootless; without symbolic links. */
  home: string;
}

/** What the environment is started with, once the actions are done. */
export interface Settings {
  driver: StorageDriver;
  /** The driver instead of fuse-overlayfs, for a podman that comes without it. */
  withoutFuse: "overlay" | "vfs";
  /** `single`: the user's own id alone. Otherwise the first ids of the ranges for container ids 1 to 65536. */
  ids: "single" | { uids: number; gids: number };
  /** Directory with unshare and nsenter, for which the AppArmor profile is; undefined: those of PATH. */
  tools: string | undefined;
}

export interface Plan {
  /** In the order in which doctor shows them. */
  findings: Finding[];
  /** Those of all findings, in order. Empty where all is there. */
  actions: Action[];
  /** Absent when a finding has failed. */
  settings: Settings | undefined;
}

/**
 * What podman needs here, how it stands, and what to do about it.
 *
 * @param failed names of the optional actions of an earlier plan that failed, for facts that were read after its
 *   actions were done: what is missing still cannot be brought. Undefined: nothing was done yet
 */
export function planRunner(facts: Facts, wishes: Wishes, failed?: readonly string[]): Plan {
  const means = meansOf(facts, failed);
  const apparmor = appArmor(facts, wishes, means);
  const ids = chooseIds(facts, wishes, means);
  const single = ids.settings === "single";
  const storage = storageDriver(facts, single ? { ...wishes, storageDriver: "vfs" } : wishes, means);
  const findings = [
    user(facts, wishes.allowSingleId, means),
    ...machine(facts),
    userNamespaces(facts, means),
    apparmor.finding,
    ...ids.findings,
    home(facts),
    imageStore(facts, single),
    storage.finding,
    network(facts, means),
    cgroups(facts),
    session(facts),
    nix(facts, means),
  ];
  const settings =
    ids.settings === undefined || findings.some(({ verdict }) => verdict === "failed")
      ? undefined
      : {
          driver: storage.driver,
          withoutFuse: storage.withoutFuse,
          ids: ids.settings,
          tools: apparmor.tools,
        };
  return { findings, actions: findings.flatMap(({ actions = [] }) => actions), settings };
}

/** The ids and who maps them; where there are none and that is allowed, the user's own alone. */
function chooseIds(
  facts: Facts,
  wishes: Wishes,
  means: Means,
): { findings: Finding[]; settings: Settings["ids"] | undefined } {
  const { finding, ids } = subordinateIds(facts, wishes, means);
  const findings = [finding, idMaps(facts, means)];
  const problem = findings.find(({ verdict }) => verdict === "failed");
  return problem !== undefined && wishes.allowSingleId
    ? { findings: singleId(problem), settings: "single" }
    : { findings, settings: ids };
}
