import type { Facts } from "../facts.ts";
import type { Finding, SubordinateFile } from "../finding.ts";
import type { Settings, Wishes } from "../plan.ts";
import {
  formatRange,
  freeStart,
  holds,
  type Ids,
  neededIds,
  overlaps,
  type Range,
  usableRange,
  used,
} from "../subordinate-ids.ts";
import { addRange } from "./add-range.ts";
import { change, type Means } from "./means.ts";

const name = "subordinate ids";

export interface IdsFinding {
  finding: Finding;
  /** undefined: the finding has failed. */
  ids: Exclude<Settings["ids"], "single"> | undefined;
}

/** What one of the two files has for the user. */
interface Side {
  file: SubordinateFile;
  /** The user's own range to use; undefined: one has to be added. */
  own: Range | undefined;
  all: readonly Range[];
}

/** The ranges for container ids 1 to 65536: the user's own, those that are asked for, or free ones. */
export function subordinateIds(facts: Facts, wishes: Wishes, means: Means): IdsFinding {
  const { subordinate, user } = facts;
  const wish = wishes.subordinateIds;
  const pick = (own: readonly Range[], id: number): Range | undefined => {
    if (wish === undefined) return usableRange(own, id);
    const range = own.find((one) => holds(one, wish));
    return range && usableRange([{ ...range, ...wish }], id);
  };
  const sides: Side[] = [
    { file: "/etc/subuid", own: pick(subordinate.ownUids, user.uid), all: subordinate.uids ?? [] },
    { file: "/etc/subgid", own: pick(subordinate.ownGids, user.gid), all: subordinate.gids ?? [] },
  ];
  const [uids, gids] = sides.map(({ own }) => own);
  if (uids !== undefined && gids !== undefined) return reuse(facts, sides, uids, gids);
  return add(facts, wishes, means, sides);
}

const isOwn = ({ user }: Facts, { owner }: Range): boolean => owner === user.name || owner === `${user.uid}`;

/** Who else has ids of these. */
const others = (facts: Facts, ids: Ids, all: readonly Range[]): Range | undefined =>
  all.find((range) => !isOwn(facts, range) && overlaps(range, ids));

function reuse(facts: Facts, sides: readonly Side[], uids: Range, gids: Range): IdsFinding {
  const ids = { uids: uids.start, gids: gids.start };
  const texts = [...new Set([formatRange(uids), formatRange(gids)])];
  const found = texts.join(", ");
  const { ids: count = Number.POSITIVE_INFINITY } = facts.namespaces;
  const last = Math.max(uids.start, gids.start) + neededIds;
  if (last > count) return { finding: outside(found, count), ids: undefined };
  for (const { file, own, all } of sides) {
    const other = own && others(facts, used(own), all);
    if (own === undefined || other === undefined) continue;
    const finding: Finding = {
      name,
      verdict: "note",
      found,
      cause: `The subordinate ids ${formatRange(own)} overlap ${formatRange(other)} in ${file}: containers of these users can reach each other's files`,
      remedy: "Give one of the two users another range",
    };
    return { finding, ids };
  }
  return { finding: { name, verdict: "ok", found }, ids };
}

const outside = (found: string, count: number): Finding => ({
  name,
  verdict: "failed",
  found,
  cause: `The user namespace that this process stands in has only the ids 0 to ${count - 1}, and the range of ${found} is not among them`,
  remedy: "Start the container without a user namespace of its own, or with one of 4294967295 ids",
});

function add(facts: Facts, wishes: Wishes, means: Means, sides: readonly Side[]): IdsFinding {
  const missing = sides.filter(({ own }) => own === undefined);
  const files = missing.map(({ file }) => file);
  const found = describe(facts, files);
  const failed = (cause: string, remedy: string): IdsFinding => ({
    finding: { ...{ name, verdict: "failed", found }, cause, remedy },
    ids: undefined,
  });
  const chosen = choose(facts, wishes, sides, files);
  if ("cause" in chosen) return failed(chosen.cause, chosen.remedy);
  const range: Range = { owner: ownerOf(facts), ...chosen };
  const { ids: count = Number.POSITIVE_INFINITY } = facts.namespaces;
  if (chosen.start + neededIds > count)
    return { finding: outside(formatRange(range), count), ids: undefined };
  const { source, readOnly } = facts.subordinate;
  const who = facts.user.name ?? `uid ${facts.user.uid}`;
  const actions = addRange(facts, range, files);
  const byHand = actions.at(-1)?.remedy ?? "";
  const lacks = `${who} has no ${wishes.subordinateIds === undefined ? `range of ${neededIds} subordinate ids` : `subordinate ids ${formatRange(range)}`} in ${files.join(" and ")}`;
  if (source !== "files") {
    const problem = {
      cause: `${who} has no range of ${neededIds} subordinate ids in ${source}, which /etc/nsswitch.conf names for subid`,
      remedy: `Give ${who} one there, or write subid: files into /etc/nsswitch.conf`,
    };
    return failed(problem.cause, problem.remedy);
  }
  if (readOnly) {
    const problem = {
      cause: `${lacks}, and /etc is read-only`,
      remedy: `Add the line ${formatRange(range)} to them in the image or the system's configuration`,
    };
    return failed(problem.cause, problem.remedy);
  }
  if (means.obstacle !== undefined) {
    const problem = { cause: `${lacks}, and ${means.obstacle}`, remedy: `Run beforehand: ${byHand}` };
    return failed(problem.cause, problem.remedy);
  }
  const start = (side: Side | undefined): number => side?.own?.start ?? chosen.start;
  return {
    finding: change(name, found, actions),
    ids: { uids: start(sides[0]), gids: start(sides[1]) },
  };
}

/** Ids for the missing files, or what is wrong with those that are asked for. */
function choose(
  facts: Facts,
  wishes: Wishes,
  sides: readonly Side[],
  files: readonly SubordinateFile[],
): Ids | { cause: string; remedy: string } {
  const { takenIds } = facts.subordinate;
  const accounts = [...takenIds, facts.user.uid, facts.user.gid];
  const wish = wishes.subordinateIds;
  if (wish === undefined) {
    const taken = [...sides.flatMap(({ all }) => all), ...accounts.map((start) => ({ start, count: 1 }))];
    const start = freeStart(taken);
    if (start !== undefined) return { start, count: neededIds };
    return {
      cause: `No ${neededIds} ids are free in /etc/subuid and /etc/subgid`,
      remedy: "Remove ranges that nobody uses",
    };
  }
  const asked = `${wish.start}:${wish.count}`;
  for (const { file, all } of sides) {
    const other = files.includes(file) ? others(facts, wish, all) : undefined;
    if (other === undefined) continue;
    return {
      cause: `The subordinate-ids ${asked} overlap ${formatRange(other)} in ${file}`,
      remedy: "Give a range that is free, or none for the action to find one",
    };
  }
  const account = accounts.find((id) => overlaps(wish, { start: id, count: 1 }));
  if (account === undefined) return wish;
  return {
    cause: `The subordinate-ids ${asked} hold ${account}, the id of a user or group`,
    remedy: "Give a range that is free, or none for the action to find one",
  };
}

/** usermod(8) and newuidmap(1) know users by name; a line for one without is found by its uid. */
const ownerOf = ({ user }: Facts): string => user.name ?? `${user.uid}`;

/** What the files have, in a few words. */
function describe({ subordinate, user }: Facts, files: readonly SubordinateFile[]): string {
  const own = { "/etc/subuid": subordinate.ownUids, "/etc/subgid": subordinate.ownGids };
  const id = { "/etc/subuid": user.uid, "/etc/subgid": user.gid };
  return files
    .map((file) => {
      const [largest] = [...own[file]].sort((a, b) => b.count - a.count);
      if (largest === undefined) return `none in ${file}`;
      const why =
        largest.count < neededIds
          ? `fewer than ${neededIds}`
          : usableRange([largest], id[file]) === undefined
            ? "with the user's own id"
            : "another one is asked for";
      return `${formatRange(largest)} in ${file}, ${why}`;
    })
    .join("; ");
}
