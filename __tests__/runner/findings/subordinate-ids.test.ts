import { expect, test } from "@jest/globals";
import type { Subordinate } from "../../../src/runner/facts.ts";
import { meansOf } from "../../../src/runner/findings/means.ts";
import { subordinateIds } from "../../../src/runner/findings/subordinate-ids.ts";
import type { Wishes } from "../../../src/runner/plan.ts";
import type { Range } from "../../../src/runner/subordinate-ids.ts";
import {
  machineFacts,
  nameless,
  noSudo,
  type Overrides,
  otherRange as other,
  ownRange as own,
  root,
  wishes,
} from "../../support/facts.ts";

function find(overrides: Overrides, wish: Wishes["subordinateIds"] = undefined) {
  const facts = machineFacts(overrides);
  return subordinateIds(facts, wishes({ subordinateIds: wish }), meansOf(facts));
}

const commands = (overrides: Overrides, wish?: Wishes["subordinateIds"]) =>
  find(overrides, wish).finding.actions?.map(({ step }) =>
    step.kind === "run" ? step.command.join(" ").replace("/usr/sbin/", "") : step,
  );

const range = (owner: string, start: number, count = 65_536): Range => ({ owner, start, count });

/** As the reader would have it. */
const files = (uids?: Range[], gids = uids): Partial<Subordinate> => ({
  uids,
  gids,
  ownUids: (uids ?? []).filter(({ owner }) => owner === "runner" || owner === "1001"),
  ownGids: (gids ?? []).filter(({ owner }) => owner === "runner" || owner === "1001"),
});

test.each<[string, Partial<Subordinate>, { uids: number; gids: number }, string]>([
  ["by name", files([other, own]), { uids: 165_536, gids: 165_536 }, "runner:165536:65536"],
  ["by uid", files([range("1001", 7000)]), { uids: 7000, gids: 7000 }, "1001:7000:65536"],
  ["a larger one", files([range("runner", 5000, 1e6)]), { uids: 5000, gids: 5000 }, "runner:5000:1000000"],
  [
    "two different ones",
    files([own], [range("runner", 300_000)]),
    { uids: 165_536, gids: 300_000 },
    "runner:165536:65536, runner:300000:65536",
  ],
  [
    "of a directory service",
    { uids: undefined, gids: undefined, source: "sss" },
    { uids: 165_536, gids: 165_536 },
    "runner:165536:65536",
  ],
])("a range that is there is used: %s", (_, subordinate, ids, found) => {
  expect(find({ subordinate })).toEqual({
    finding: { name: "subordinate ids", verdict: "ok", found },
    ids,
  });
});

test.each<[string, Overrides, string[]]>([
  [
    "none",
    { subordinate: files([]) },
    ["usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner"],
  ],
  [
    "another user's",
    { subordinate: files([other]) },
    ["usermod --add-subuids 165536-231071 --add-subgids 165536-231071 runner"],
  ],
  [
    "one of group ids only",
    { subordinate: files([other], [own]) },
    ["usermod --add-subuids 231072-296607 runner"],
  ],
  ["one of user ids only", { subordinate: files([own], []) }, ["usermod --add-subgids 100000-165535 runner"]],
  [
    "one that is too small",
    { subordinate: files([range("runner", 100_000, 65_535)], [own]) },
    ["usermod --add-subuids 231072-296607 runner"],
  ],
  [
    "no file",
    { subordinate: files(undefined) },
    [
      "touch /etc/subuid",
      "touch /etc/subgid",
      "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner",
    ],
  ],
  [
    "an account among the first free ids",
    { subordinate: { ...files([]), takenIds: [165_535, 165_536] } },
    ["usermod --add-subuids 165537-231072 --add-subgids 165537-231072 runner"],
  ],
  [
    "a user among the first free ids",
    { user: { uid: 150_000, gid: 150_001 }, subordinate: files([]) },
    ["usermod --add-subuids 150002-215537 --add-subgids 150002-215537 runner"],
  ],
  [
    "a range with the user's own id in it",
    { user: { uid: 200_000, gid: 200_000 }, subordinate: files([own]) },
    ["usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner"],
  ],
  [
    "root without one",
    { ...root, subordinate: files([other]) },
    ["usermod --add-subuids 165536-231071 --add-subgids 165536-231071 root"],
  ],
])("a free range is added where there is %s", (_, overrides, expected) => {
  expect(find(overrides).finding).toMatchObject({ verdict: "change" });
  expect(commands(overrides)).toEqual(expected);
  const [start] = /\d+/.exec(expected.at(-1) ?? "") ?? [];
  expect(Object.values(find(overrides).ids ?? {})).toContain(Number(start));
});

test("what was there is said", () => {
  const found = (subordinate: Partial<Subordinate>) => find({ subordinate }).finding.found;
  expect(found(files([]))).toBe("none in /etc/subuid; none in /etc/subgid");
  expect(found(files([range("runner", 100_000, 1000)], [own]))).toBe(
    "runner:100000:1000 in /etc/subuid, fewer than 65536",
  );
});

test.each<[string, Overrides, string]>([
  ["there is no usermod", { subordinate: { ...files([other]), usermod: undefined } }, "runner:165536:65536"],
  [
    "root has no name",
    { ...root, user: { ...root.user, name: undefined }, subordinate: files([other]) },
    "0:165536:65536",
  ],
])("the line is added under the lock where %s", (_, overrides, line) => {
  const subordinate = { kind: "subordinate-ids", files: ["/etc/subuid", "/etc/subgid"], line };
  expect(commands(overrides)).toEqual([subordinate]);
  expect(find(overrides).finding.actions?.[0]).toMatchObject({
    remedy: `echo ${line} | sudo tee -a /etc/subuid /etc/subgid`,
    undo: [{ step: { ...subordinate, kind: "remove-subordinate-ids" }, when: "unless-kept" }],
  });
});

test("a range that usermod gives is taken back without it, and so are its copies of the files", () => {
  const [action] = find({ subordinate: files([]) }).finding.actions ?? [];
  expect(action).toMatchObject({
    name: "Give runner the subordinate ids 100000-165535",
    remedy: "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner",
    leaves: { paths: ["/etc/subuid-", "/etc/subgid-"], when: "unless-kept" },
  });
  expect(action?.undo?.map(({ step, when }) => [step, when])).toEqual([
    [
      {
        kind: "remove-subordinate-ids",
        files: ["/etc/subuid", "/etc/subgid"],
        line: "runner:100000:65536",
      },
      "unless-kept",
    ],
  ]);
});

test("another user's overlap is noted, and the range used", () => {
  const both = [own, range("ubuntu", 231_071, 10)];
  expect(find({ subordinate: files(both) })).toMatchObject({
    finding: {
      verdict: "note",
      cause:
        "The subordinate ids runner:165536:65536 overlap ubuntu:231071:10 in /etc/subuid: containers of these users can reach each other's files",
    },
    ids: { uids: 165_536, gids: 165_536 },
  });
  // By name and by uid, they are one user's; and what is beyond the ids in use does no harm.
  expect(find({ subordinate: files([own, { ...own, owner: "1001" }]) }).finding.verdict).toBe("ok");
  const larger = [range("runner", 100_000, 100_000), range("ubuntu", 165_536)];
  expect(find({ subordinate: files(larger) }).finding.verdict).toBe("ok");
});

const all = range("x", 0, 4_294_967_295);

test.each<[string, Overrides, string, string]>([
  [
    "there is no sudo",
    { subordinate: files([range("runner", 100_000, 1000)]), privileges: noSudo },
    "runner has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid, and there is no sudo",
    "Run beforehand: sudo usermod --add-subuids 101000-166535 --add-subgids 101000-166535 runner",
  ],
  [
    "sudo asks",
    { subordinate: files([own], []), privileges: { sudo: "password" } },
    "runner has no range of 65536 subordinate ids in /etc/subgid, and sudo asks for a password",
    "Run beforehand: sudo usermod --add-subgids 100000-165535 runner",
  ],
  [
    "NoNewPrivs is set",
    { subordinate: files([]), privileges: { noNewPrivs: true } },
    "runner has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid, and sudo has no effect, as NoNewPrivs is set for this process",
    "Run beforehand: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner",
  ],
  [
    "/etc is read-only",
    { subordinate: { ...files([]), readOnly: true } },
    "runner has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid, and /etc is read-only",
    "Add the line runner:100000:65536 to them in the image or the system's configuration",
  ],
  [
    "a directory service has none",
    { subordinate: { ...files([]), source: "sss" } },
    "runner has no range of 65536 subordinate ids in sss, which /etc/nsswitch.conf names for subid",
    "Give runner one there, or write subid: files into /etc/nsswitch.conf",
  ],
  [
    "none is free",
    { subordinate: files([all]) },
    "No 65536 ids are free in /etc/subuid and /etc/subgid",
    "Remove ranges that nobody uses",
  ],
  [
    "the user has no name",
    { ...nameless, privileges: noSudo, subordinate: files([]) },
    "uid 4242 has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid, and there is no sudo",
    "Run beforehand: echo 4242:100000:65536 | sudo tee -a /etc/subuid /etc/subgid",
  ],
  [
    "the namespace has too few ids for what is there",
    { namespaces: { ids: 65_536 } },
    "The user namespace that this process stands in has only the ids 0 to 65535, and the range of runner:165536:65536 is not among them",
    "Start the container without a user namespace of its own, or with one of 4294967295 ids",
  ],
  [
    "the namespace has too few ids for any",
    { namespaces: { ids: 65_536 }, subordinate: files([]) },
    "The user namespace that this process stands in has only the ids 0 to 65535, and the range of runner:100000:65536 is not among them",
    "Start the container without a user namespace of its own, or with one of 4294967295 ids",
  ],
])("it fails where %s", (_, overrides, cause, remedy) => {
  expect(find(overrides)).toMatchObject({ finding: { verdict: "failed", cause, remedy }, ids: undefined });
});

const wish = { start: 500_000, count: 65_536 };

test("a range that is asked for is used, and added where it is missing", () => {
  const there = [range("runner", 400_000, 1e6), own];
  expect(find({ subordinate: files(there) }, wish)).toMatchObject({
    finding: { verdict: "ok", found: "runner:500000:65536" },
    ids: { uids: 500_000, gids: 500_000 },
  });
  expect(find({}, wish)).toMatchObject({
    finding: {
      verdict: "change",
      found:
        "runner:165536:65536 in /etc/subuid, another one is asked for; runner:165536:65536 in /etc/subgid, another one is asked for",
    },
    ids: { uids: 500_000, gids: 500_000 },
  });
  expect(commands({}, wish)).toEqual([
    "usermod --add-subuids 500000-565535 --add-subgids 500000-565535 runner",
  ]);
});

test.each<[string, Overrides, Wishes["subordinateIds"], string]>([
  [
    "another user's",
    {},
    { start: 100_000, count: 65_536 },
    "The subordinate-ids 100000:65536 overlap ubuntu:100000:65536 in /etc/subuid",
  ],
  [
    "another user's in part",
    { subordinate: files([], [range("x", 565_535, 1)]) },
    wish,
    "The subordinate-ids 500000:65536 overlap x:565535:1 in /etc/subgid",
  ],
  [
    "an account's",
    { subordinate: { takenIds: [500_001] } },
    wish,
    "The subordinate-ids 500000:65536 hold 500001, the id of a user or group",
  ],
  [
    "the user's own id",
    {},
    { start: 1000, count: 65_536 },
    "The subordinate-ids 1000:65536 hold 1001, the id of a user or group",
  ],
])("a range that is asked for and %s is refused", (_, overrides, asked, cause) => {
  expect(find(overrides, asked).finding).toMatchObject({
    verdict: "failed",
    cause,
    remedy: "Give a range that is free, or none for the action to find one",
  });
});
