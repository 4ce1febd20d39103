import type { Facts } from "../../src/runner/facts.ts";
import type { Wishes } from "../../src/runner/plan.ts";
import type { Range } from "../../src/runner/subordinate-ids.ts";

/** Parts of the facts to change; each is laid over the part as it is on a fit machine. */
export type Overrides = {
  [Part in keyof Facts]?: Facts[Part] extends object ? Partial<Facts[Part]> : Facts[Part];
};

export const ownRange: Range = { owner: "runner", start: 165_536, count: 65_536 };
export const otherRange: Range = { owner: "ubuntu", start: 100_000, count: 65_536 };

const fit: Facts = {
  user: { uid: 1001, gid: 1001, groups: [1001], name: "runner", home: "/home/runner", homeWritable: true },
  kernel: { release: "6.12.48-amd64", architecture: "x86_64" },
  container: undefined,
  chroot: false,
  privileges: { sudo: "passwordless", sudoError: "", noNewPrivs: false, seccomp: 0, sysAdmin: false },
  namespaces: { max: 31_000, unprivilegedClone: undefined, user: true, mount: true },
  appArmor: {
    enabled: false,
    restrictsUserNamespaces: false,
    profile: undefined,
    parser: undefined,
    abi4: false,
  },
  subordinate: {
    uids: [otherRange, ownRange],
    gids: [otherRange, ownRange],
    ownUids: [ownRange],
    ownGids: [ownRange],
    source: "files",
    takenIds: [],
    readOnly: false,
    usermod: "/usr/sbin/usermod",
  },
  mappers: {
    uid: { path: "/usr/bin/newuidmap", privileged: true },
    gid: { path: "/usr/bin/newgidmap", privileged: true },
  },
  devices: { fuse: "usable", tun: "usable" },
  storage: {
    directory: "/home/runner/.local/share",
    writable: true,
    fileSystem: "ext4",
    freeBytes: 20_000_000_000,
    freeInodes: 1_000_000,
    xattrs: true,
    overlay: true,
    hostFuseOverlayfs: undefined,
  },
  cgroups: { mode: "v2", writable: true, controllers: ["cpu", "memory", "pids"], delegated: undefined },
  session: {
    runtimeDirectory: "/run/user/1001",
    runtimeUsable: true,
    defaultUsable: true,
    linger: true,
    bus: undefined,
  },
  nix: { program: { path: "/nix/var/nix/profiles/default/bin/nix", version: "2.34.7" }, directory: "own" },
  hostPodman: undefined,
};

/** The facts of a machine where all is there but for what the overrides say. */
export function machineFacts(overrides: Overrides = {}): Facts {
  const facts: Record<string, unknown> = { ...fit };
  for (const [part, value] of Object.entries(overrides)) {
    const former = facts[part];
    facts[part] =
      typeof value === "object" && value !== null ? { ...(former as object | undefined), ...value } : value;
  }
  return facts as unknown as Facts;
}

/** The inputs as action.yml has them. */
export const wishes = (overrides: Partial<Wishes> = {}): Wishes => ({
  storageDriver: "fuse-overlayfs",
  subordinateIds: undefined,
  appArmor: "profile",
  allowSingleId: false,
  home: "/home/runner/work/_temp/podman-rootless",
  ...overrides,
});

export const noSudo = { sudo: "absent", sudoError: "" } as const;

/** A uid that is in no passwd database: sudo does not know it either. */
export const nameless: Overrides = {
  user: { uid: 4242, gid: 4242, name: undefined },
  privileges: { sudo: "refused", sudoError: "sudo: you do not exist in the passwd database" },
  subordinate: { ownUids: [], ownGids: [] },
};

export const root: Overrides = {
  user: { uid: 0, gid: 0, groups: [0], name: "root", home: "/root" },
  privileges: { sudo: "root", sysAdmin: true },
};
