import type { StorageDriver } from "../inputs.ts";
import type { Facts } from "./facts.ts";
import { freeStart, neededIds, usableRange } from "./subordinate-ids.ts";

/** A change of the machine, made as root. */
export interface Action {
  /** What it is for, as the log says it. */
  name: string;
  /** Program and arguments. */
  command: [string, ...string[]];
  /** The whole remedy, for a person who has to do it by hand. */
  remedy: string;
}

/**
 * What has to change on this machine before the environment can start, in order. Empty where all is there.
 *
 * @throws {Error} when the machine cannot be made ready
 */
export function planRunner(facts: Facts, driver: StorageDriver): Action[] {
  return [...planSubordinateIds(facts), ...(driver === "fuse-overlayfs" ? planFuse(facts) : [])];
}

function planSubordinateIds({ user, uid, subuids, subgids }: Facts): Action[] {
  const needsUids = usableRange(subuids, user, uid) === undefined;
  const needsGids = usableRange(subgids, user, uid) === undefined;
  if (!needsUids && !needsGids) return [];
  const start = freeStart([...subuids, ...subgids]);
  const range = `${start}-${start + neededIds - 1}`;
  const options = [
    ...(needsUids ? ["--add-subuids", range] : []),
    ...(needsGids ? ["--add-subgids", range] : []),
  ];
  return [
    {
      name: `Give ${user} the subordinate ids ${range}`,
      // usermod(8) takes the locks of both files, and checks them.
      command: ["usermod", ...options, user],
      remedy: `sudo usermod ${options.join(" ")} ${user}`,
    },
  ];
}

function planFuse({ fuse }: Facts): Action[] {
  const makeUsable: Action = {
    name: "Let every user open /dev/fuse",
    command: ["chmod", "0666", "/dev/fuse"],
    remedy: "sudo chmod 0666 /dev/fuse",
  };
  const load: Action = {
    name: "Load the kernel's FUSE",
    command: ["modprobe", "fuse"],
    remedy: "sudo modprobe fuse, or start the job's container with --device /dev/fuse",
  };
  if (fuse === "usable") return [];
  return fuse === "denied" ? [makeUsable] : [load, makeUsable];
}
