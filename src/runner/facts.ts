import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { tryRunAsRoot } from "../exec.ts";
import { parseRanges, type Range } from "./subordinate-ids.ts";

/** What the plan depends on, read once. */
export interface Facts {
  user: string;
  uid: number;
  subuids: Range[];
  subgids: Range[];
  /** Whether commands can be run as root without being asked for a password. */
  canBeRoot: boolean;
  /** Whether this user may open /dev/fuse. */
  fuse: "usable" | "denied" | "absent";
}

export async function readFacts(): Promise<Facts> {
  const { username, uid } = userInfo();
  const [subuids, subgids, canBeRoot, fuse] = await Promise.all([
    readRanges("/etc/subuid"),
    readRanges("/etc/subgid"),
    tryRunAsRoot("true", []).then(({ code }) => code === 0),
    readFuse(),
  ]);
  return { user: username, uid, subuids, subgids, canBeRoot, fuse };
}

async function readRanges(file: string): Promise<Range[]> {
  return parseRanges(await readFile(file, "utf8").catch(() => ""));
}

async function readFuse(): Promise<Facts["fuse"]> {
  try {
    await access("/dev/fuse", constants.R_OK | constants.W_OK);
    return "usable";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "absent" : "denied";
  }
}
