import type { Subordinate, User } from "../facts.ts";
import { parseRanges, type Range } from "../subordinate-ids.ts";
import { textOf } from "./file.ts";
import { isMounted, type Mount } from "./mounts.ts";
import { attempt, findProgram, findRootProgram } from "./program.ts";

/** The source of subordinate ids that nsswitch.conf(5) names: its first one, as libsubid reads it. */
export function parseSource(nsswitch: string): string {
  return /^\s*subid:[ \t]*([\w-]+)/m.exec(nsswitch)?.[1] ?? "files";
}

/** @param output of getsubids(1): lines such as "0: runner 100000 65536" */
export function parseGetsubids(output: string): Range[] {
  return [...output.matchAll(/^\d+: (\S+) (\d+) (\d+)$/gm)].map(([, owner = "", start, count]) => ({
    owner,
    start: Number(start),
    count: Number(count),
  }));
}

/** Below are the ids that systems keep for accounts; ranges are looked for from there on. */
const lowest = 100_000;

/** @param files passwd(5) and group(5), in both of which the id is the third field */
export function parseTakenIds(...files: string[]): number[] {
  const ids = files.flatMap((text) =>
    [...text.matchAll(/^[^:\n]+:[^:\n]*:(\d+):/gm)].map(([, id]) => Number(id)),
  );
  return [...new Set(ids)].filter((id) => id >= lowest).sort((a, b) => a - b);
}

export async function readSubordinate(user: User, mounts: readonly Mount[]): Promise<Subordinate> {
  const [uids, gids, nsswitch, passwd, group, usermod, ...readOnly] = await Promise.all([
    ranges("/etc/subuid"),
    ranges("/etc/subgid"),
    textOf("/etc/nsswitch.conf"),
    textOf("/etc/passwd"),
    textOf("/etc/group"),
    findRootProgram("usermod"),
    // A container engine may have bound one of the files.
    ...["/etc", "/etc/subuid", "/etc/subgid"].map((path) => isMounted(mounts, path, "ro")),
  ]);
  const source = parseSource(nsswitch ?? "");
  const [ownUids, ownGids] = await Promise.all([
    ownRanges(user, source, uids, []),
    ownRanges(user, source, gids, ["-g"]),
  ]);
  const takenIds = parseTakenIds(passwd ?? "", group ?? "");
  return { uids, gids, ownUids, ownGids, source, takenIds, readOnly: readOnly.includes(true), usermod };
}

async function ranges(file: string): Promise<Range[] | undefined> {
  const text = await textOf(file);
  return text === undefined ? undefined : parseRanges(text);
}

async function ownRanges({ name, uid }: User, source: string, inFile: Range[] = [], options: string[]) {
  if (source === "files") return inFile.filter(({ owner }) => owner === name || owner === `${uid}`);
  const getsubids = name && (await findProgram("getsubids"));
  if (!getsubids) return [];
  return parseGetsubids((await attempt(getsubids, [...options, name])).stdout);
}
