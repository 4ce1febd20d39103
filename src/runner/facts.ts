import type { Range } from "./subordinate-ids.ts";

/**
 * What is so on this machine, read once and changed by nothing. A fact that could not be read says so with
 * `undefined`; what a probe could not do, with the reason in the program's own words.
 */
export interface Facts {
  user: User;
  kernel: { release: string; architecture: string };
  /** The kind of container that this process runs in; undefined: none that is known. */
  container: "docker" | "podman" | "kubernetes" | "lxc" | "other" | undefined;
  /** True when this process stands below a chroot: the kernel creates no user namespace there. */
  chroot: boolean;
  privileges: Privileges;
  namespaces: Namespaces;
  appArmor: AppArmor;
  subordinate: Subordinate;
  /** newuidmap(1) and newgidmap(1), as found on PATH. */
  mappers: { uid: Mapper; gid: Mapper };
  devices: { fuse: Device; tun: Device };
  storage: Storage;
  cgroups: Cgroups;
  session: Session;
  nix: NixFacts;
  /** Path and version of the machine's own podman, which is not used; undefined: none on PATH. */
  hostPodman: Program | undefined;
}

export interface User {
  uid: number;
  gid: number;
  /** Supplementary groups, by id. */
  groups: number[];
  /** As /etc/passwd or another source of nsswitch.conf(5) has it; undefined: the uid is in none. */
  name: string | undefined;
  home: string;
  /** Whether a file can be made there, and why not. */
  homeWritable: Probe;
}

/** How a try went: `true`, or the reason why not. */
export type Probe = true | { error: string };

export interface Privileges {
  /**
   * `root`: no sudo is needed. `password`: there is sudo, and it asks. `refused`: there is sudo, and it does not work,
   * for a reason that it names, such as noNewPrivs.
   */
  sudo: "root" | "passwordless" | "password" | "refused" | "absent";
  /** Why `sudo --non-interactive true` failed, in its own words; empty where it did not. */
  sudoError: string;
  /** prctl(2), PR_SET_NO_NEW_PRIVS: programs that are setuid, sudo and newuidmap among them, stay without effect. */
  noNewPrivs: boolean;
  /** Seccomp of /proc/self/status: 0 none, 1 strict, 2 with a filter. */
  seccomp: number;
  /** Whether CAP_SYS_ADMIN is among the effective capabilities. */
  sysAdmin: boolean;
  /**
   * Which of "setgid", "setuid", "sys_admin" and "mknod" are in the bounding set: the most that root, sudo and newuidmap
   * can have here; undefined: not known.
   */
  bounding?: string[];
}

export interface Namespaces {
  /** /proc/sys/user/max_user_namespaces; undefined where the kernel has no user namespaces. */
  max: number | undefined;
  /** kernel.unprivileged_userns_clone of Debian's kernels; undefined where there is no such setting. */
  unprivilegedClone: boolean | undefined;
  /** Whether this user can create a user namespace. */
  user: Probe;
  /** Whether it can create a mount namespace in one, and mount a tmpfs there. */
  mount: Probe;
  /** Whether it can mount /proc anew in a PID namespace there, as each container does; undefined: not known. */
  proc?: Probe;
  /** How many ids, from 0 on, the namespace has in which this process stands; undefined: not known, or all. */
  ids?: number;
}

export interface AppArmor {
  enabled: boolean;
  /** kernel.apparmor_restrict_unprivileged_userns is 1. */
  restrictsUserNamespaces: boolean;
  /** The profile that this process runs with, such as "docker-default"; undefined: unconfined. */
  profile: string | undefined;
  /** Absolute path of apparmor_parser(8), looked for in /usr/sbin and /sbin too. */
  parser: string | undefined;
  /** Whether /etc/apparmor.d/abi/4.0 is there, which profiles with `userns` need. */
  abi4: boolean;
}

export interface Subordinate {
  /** All ranges of all users in /etc/subuid and /etc/subgid; undefined where there is no such file. */
  uids: Range[] | undefined;
  gids: Range[] | undefined;
  /** The user's own, from there or from whatever nsswitch.conf(5) names for `subid`, by getsubids(1). */
  ownUids: Range[];
  ownGids: Range[];
  /** What nsswitch.conf(5) names for `subid`, such as "sss"; "files" where it names nothing. */
  source: string;
  /** Ids of users and of groups in /etc/passwd and /etc/group, which a new range must not hold. */
  takenIds: number[];
  /** Whether /etc, or one of the two files, is on a file system that is mounted read-only. */
  readOnly: boolean;
  /** Absolute path of usermod(8), looked for in /usr/sbin and /sbin too. */
  usermod: string | undefined;
}

export interface Program {
  path: string;
  /** As it says itself, such as "4.9.3"; "unknown" where it says none. */
  version: string;
}

/** A program that gets its rights from its file. */
export interface Mapper {
  /** undefined: not on PATH. */
  path: string | undefined;
  /** setuid root, or with the capability that it needs; and its file system is not mounted nosuid. */
  privileged: boolean;
}

/** `denied`: it is there, and this user may not open it for reading and writing. */
export type Device = "usable" | "denied" | "absent";

export interface Storage {
  /** The directory of the image store, or the nearest one above it that exists. */
  directory: string;
  /** Whether a file can be made there. */
  writable: Probe;
  /** Type of its file system as mount(8) has it, such as "ext4", "tmpfs" or "nfs4"; "unknown" where it cannot be read. */
  fileSystem: string;
  /** For this user; undefined where the file system does not count them, as ramfs does not. */
  freeBytes: number | undefined;
  /** undefined where the file system does not count them. */
  freeInodes: number | undefined;
  /**
   * Whether user extended attributes can be set there, which overlay and fuse-overlayfs need; undefined where there is no
   * GNU tar to try with.
   */
  xattrs: Probe | undefined;
  /** Whether the kernel's overlay can be mounted on it in a user namespace. Where `writable` is not true, this and `xattrs` say the same. */
  overlay: Probe;
  /** The machine's own, which is not used; undefined: none on PATH. */
  hostFuseOverlayfs: Program | undefined;
}

export interface Cgroups {
  mode: "v2" | "hybrid" | "v1" | "none";
  /** Whether this user may make cgroups below its own. */
  writable: boolean;
  /** Controllers of its own cgroup (v2), such as "cpu", "memory", "pids". */
  controllers: string[];
  /** Those that systemd has delegated to the user's service manager; undefined: there is none, or out of sight. */
  delegated: string[] | undefined;
}

export interface Session {
  /** XDG_RUNTIME_DIR as it is set; undefined: it is not. */
  runtimeDirectory: string | undefined;
  /** Whether that is the user's own and can be written to; and /run/user/UID. */
  runtimeUsable: boolean;
  defaultUsable: boolean;
  /** loginctl's Linger: systemd keeps the user's session without a login; undefined where there is no systemd. */
  linger: boolean | undefined;
  /** Address of the user's D-Bus: as set, or of the socket in the runtime directory; undefined: none answers. */
  bus: string | undefined;
}

export interface NixFacts {
  /** One that the action would use; undefined: it would install one. */
  program: Program | undefined;
  /** /nix: `own` belongs to this user, `other` to another one. */
  directory: "own" | "other" | "absent";
}
