import { expect, test } from "@jest/globals";
import { planRunner, type Wishes } from "../../src/runner/plan.ts";
import { machineFacts, nameless, noSudo, type Overrides, ownRange, root, wishes } from "../support/facts.ts";

const names = [
  "user",
  "kernel",
  "container",
  "sudo",
  "host's podman",
  "user namespaces",
  "AppArmor",
  "subordinate ids",
  "id maps",
  "home",
  "image store",
  "storage driver",
  "network",
  "cgroups",
  "session",
  "Nix",
];

test("where all is there, all is ok and nothing is done", () => {
  const { findings, actions, settings } = planRunner(machineFacts(), wishes());
  expect(findings.map(({ name, verdict }) => [name, verdict])).toEqual(names.map((name) => [name, "ok"]));
  expect(actions).toEqual([]);
  expect(settings).toEqual({
    driver: "fuse-overlayfs",
    ids: { uids: 165_536, gids: 165_536 },
    tools: undefined,
    withoutFuse: "overlay",
  });
});

const error = { error: "unshare failed: Operation not permitted" };
const denied = { user: error, mount: error };
const none: Overrides["subordinate"] = { ownUids: [], ownGids: [] };

// Each case of a machine that lacks one thing: what its step comes to.
test.each<[string, Overrides, Partial<Wishes>, string]>([
  ["no newuidmap, sudo", { mappers: { uid: { path: undefined, privileged: false } } }, {}, "works"],
  ["no subordinate ids, sudo", { subordinate: none }, {}, "works"],
  ["no subordinate ids, no sudo", { subordinate: none, privileges: noSudo }, {}, "subordinate ids"],
  [
    "no subordinate ids, no sudo, one is enough",
    { subordinate: none, privileges: noSudo },
    { allowSingleId: true },
    "works",
  ],
  ["max_user_namespaces=0, sudo", { namespaces: { max: 0, ...denied } }, {}, "works"],
  [
    "max_user_namespaces=0, no sudo",
    { namespaces: { max: 0, ...denied }, privileges: noSudo },
    {},
    "user namespaces",
  ],
  ["NoNewPrivs", { privileges: { noNewPrivs: true, sudo: "password" } }, {}, "id maps"],
  ["NoNewPrivs, root", { ...root, privileges: { ...root.privileges, noNewPrivs: true } }, {}, "works"],
  ["no devices", { devices: { fuse: "absent", tun: "absent" }, privileges: noSudo }, {}, "works"],
  ["read-only /etc, ids there", { subordinate: { readOnly: true } }, {}, "works"],
  ["read-only /etc, no ids", { subordinate: { ...none, readOnly: true } }, {}, "subordinate ids"],
  [
    "read-only home",
    {
      user: { homeWritable: { error: "EROFS" } },
      storage: { writable: { error: "EROFS: read-only file system" } },
    },
    {},
    "image store",
  ],
  ["read-only home, storage-root elsewhere", { user: { homeWritable: { error: "EROFS" } } }, {}, "works"],
  ["no xattrs", { storage: { xattrs: { error: "not supported" }, overlay: error } }, {}, "works"],
  ["NFS", { storage: { fileSystem: "nfs" } }, {}, "image store"],
  ["no runtime directory", { session: { runtimeUsable: false, defaultUsable: false } }, {}, "works"],
  ["hybrid cgroups", { cgroups: { mode: "hybrid" } }, {}, "works"],
  ["cgroup v1", { cgroups: { mode: "v1" } }, {}, "works"],
  ["read-only cgroups", { cgroups: { writable: false } }, {}, "works"],
  ["uid not in passwd", nameless, {}, "user"],
  ["uid not in passwd, one is enough", nameless, { allowSingleId: true }, "works"],
  ["root", root, {}, "works"],
  ["full disk", { storage: { freeBytes: 0, writable: { error: "ENOSPC" } } }, {}, "image store"],
  ["no inodes", { storage: { freeInodes: 3 } }, {}, "image store"],
  ["seccomp", { privileges: { seccomp: 2 }, namespaces: denied }, {}, "user namespaces"],
  ["chroot", { chroot: true, namespaces: denied }, {}, "user namespaces"],
  ["no /nix, no sudo", { nix: { program: undefined, directory: "absent" }, privileges: noSudo }, {}, "works"],
])("%s", (_, overrides, wish, expected) => {
  const { findings, settings } = planRunner(machineFacts(overrides), wishes(wish));
  // The step's error is the first of them.
  expect(findings.find(({ verdict }) => verdict === "failed")?.name ?? "works").toBe(expected);
  expect(settings !== undefined).toBe(expected === "works");
});

test("all texts are one line without a full stop, and say what to do", () => {
  const machines: Overrides[] = [
    { subordinate: none, privileges: noSudo, devices: { fuse: "absent", tun: "denied" } },
    { container: "docker", namespaces: denied, privileges: { seccomp: 2, ...noSudo } },
    { container: "kubernetes", namespaces: denied, storage: { freeBytes: 0 } },
    { namespaces: { max: undefined, ...denied }, cgroups: { mode: "none" } },
    { ...nameless, nix: { program: undefined, directory: "other" } },
  ];
  const findings = machines.flatMap((machine) => planRunner(machineFacts(machine), wishes()).findings);
  const told = findings.filter(({ verdict }) => ["note", "hint", "failed"].includes(verdict));
  expect(told.length).toBeGreaterThan(10);
  for (const { cause, remedy } of told) {
    for (const text of [cause, remedy]) expect(text).toMatch(/^[^\n]{10,}[^\n.]$/);
  }
});

test("one id alone means vfs", () => {
  const plan = planRunner(
    machineFacts({ subordinate: none, privileges: noSudo }),
    wishes({ allowSingleId: true }),
  );
  expect(plan.settings).toEqual({ driver: "vfs", withoutFuse: "overlay", ids: "single", tools: undefined });
  expect(plan.findings.find(({ name }) => name === "subordinate ids")).toMatchObject({
    verdict: "note",
    remedy: expect.stringContaining("sudo usermod --add-subuids"),
  });
});

test("where ids can be had, one alone is not what podman gets", () => {
  const plan = planRunner(machineFacts({ subordinate: none }), wishes({ allowSingleId: true }));
  expect(plan.settings?.ids).toEqual({ uids: 231_072, gids: 231_072 });
});

test("the actions are those of the findings, in their order", () => {
  const plan = planRunner(
    machineFacts({
      namespaces: { max: 0, ...denied },
      subordinate: { ...none, gids: undefined },
      devices: { fuse: "denied", tun: "absent" },
    }),
    wishes(),
  );
  expect(plan.actions.map(({ name }) => name)).toEqual([
    "Set user.max_user_namespaces to 15000",
    "Make /etc/subgid",
    "Give runner the subordinate ids 231072-296607",
    "Let every user open /dev/fuse",
    "Load the kernel's module tun",
    "Make /dev/net/tun",
  ]);
  expect(plan.settings?.driver).toBe("fuse-overlayfs");
});

test("what was tried and is missing still is not tried again", () => {
  const lacking: Overrides = {
    devices: { fuse: "absent", tun: "absent" },
    storage: { overlay: error },
    nix: { program: undefined, directory: "absent" },
  };
  const plan = planRunner(machineFacts(lacking), wishes(), []);
  expect(plan.actions).toEqual([]);
  expect(plan.settings).toMatchObject({ driver: "vfs", ids: { uids: ownRange.start } });
  expect(plan.findings.filter(({ verdict }) => verdict === "note").map(({ name }) => name)).toEqual([
    "storage driver",
    "network",
  ]);
  const ids = planRunner(machineFacts({ subordinate: none }), wishes(), []);
  expect(ids.findings.find(({ verdict }) => verdict === "failed")?.cause).toBe(
    "runner has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid, and what was done about it as root did not help",
  );
});
