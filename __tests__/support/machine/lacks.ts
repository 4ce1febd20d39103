import { writeFileSync } from "node:fs";
import type { ExecOptions } from "./exec.ts";
import type { Machine, MachineOptions } from "./machine.ts";
import { outputOf } from "./output.ts";
import { type Call, refuse } from "./seccomp.ts";

interface Lack {
  /** What root does in a whole machine, in POSIX sh. */
  script?: string;
  /** How commands of the machine's user are run in it. */
  exec?: ExecOptions;
  /** Calls that a seccomp filter refuses to them. */
  refuses?: Call[];
  uid?: number;
}

/** Puts something else at the home of the user, but for ~/work, which stays as it is: the runner's own. */
const home = (mount: string) => `
  mkdir /run/work
  mount --rbind /home/runner/work /run/work
  ${mount}
  mkdir -p /home/runner/work
  ! [ -w /home/runner ] || chown runner: /home/runner
  mount --rbind /run/work /home/runner/work`;

/** The hierarchies of cgroup v1 that this kernel has, each where systemd mounts it. They are not the machine's: read-only. */
const cgroups1 = `
  umount /sys/fs/cgroup
  mount -t tmpfs -o mode=0755 tmpfs /sys/fs/cgroup
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  while IFS=: read -r number controllers _; do
    case $number:$controllers in 0:* | *:name=*) continue ;; esac
    mkdir "/sys/fs/cgroup/$controllers"
    mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
  done </proc/self/cgroup
  for mount in /sys/fs/cgroup/*; do mount -o remount,bind,ro "$mount"; done`;

/** What container engines leave to root. */
const containers = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "setfcap"],
  ...["net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write"],
];

/**
 * What a machine can be made to lack, one thing each. Nothing in it is a word of the code under test: a script does to
 * the machine what people find on theirs.
 */
const LACKS = {
  // Sudo
  "no sudo": { script: "rm /usr/bin/sudo" },
  "sudo asks for a password": {
    script: "echo 'runner ALL=(ALL) ALL' >/etc/sudoers.d/runner; usermod --password '*' runner",
  },
  "no new privileges": { exec: { wrapper: ["setpriv", "--no-new-privs"] } },
  "a nosuid /usr": { script: "mount --bind /usr /usr && mount -o remount,bind,nosuid /usr" },

  // Subordinate ids
  "no newuidmap": { script: "rm /usr/bin/newuidmap /usr/bin/newgidmap" },
  "newuidmap is not setuid": { script: "chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap" },
  "no subordinate ids": { script: "for file in /etc/subuid /etc/subgid; do : >$file; done" },
  "no /etc/subuid": { script: "rm /etc/subuid /etc/subgid" },
  "1000 subordinate ids": {
    script: "for file in /etc/subuid /etc/subgid; do echo runner:100000:1000 >$file; done",
  },
  "another's subordinate ids": {
    script: "for file in /etc/subuid /etc/subgid; do echo daemon:100000:65536 >>$file; done",
  },
  "no usermod": { script: "rm /usr/sbin/usermod" },
  "a read-only /etc": { script: "mount --rbind /etc /etc && mount -o remount,bind,ro /etc" },

  // The user
  "no entry in /etc/passwd": {
    script: "sed -i s/^runner:/1001:/ /etc/subuid /etc/subgid; sed -i /^runner:/d /etc/passwd /etc/group",
    exec: { user: "1001" },
  },
  // As in a container job: the directories of the job are another user's, and open.
  "root is the user": {
    script: `chmod 0755 /home/runner; chown root: /sys/fs/cgroup /sys/fs/cgroup/cgroup.*
      install -d -o runner -g runner /home/runner/work/project /home/runner/work/project/project`,
    exec: { user: "root", env: { HOME: "/home/runner", XDG_RUNTIME_DIR: undefined } },
  },
  "uid 2000000": { uid: 2_000_000, exec: { env: { XDG_RUNTIME_DIR: "/run/user/2000000" } } },

  // Kernel
  "no user namespaces": {
    // The setting is each user namespace's own: the machine's commands get one that is as the host's.
    script: `mkfifo /run/unshared
      unshare --user sh -c 'echo >/run/unshared; exec sleep infinity' </dev/null >/dev/null 2>&1 &
      read -r _ </run/unshared
      for map in uid gid; do echo 0 0 4294967295 >/proc/$!/"$map"_map; done
      : >/run/user-namespace
      mount --bind /proc/$!/ns/user /run/user-namespace
      kill $!
      nsenter --user=/run/user-namespace sh -c 'echo 0 >/proc/sys/user/max_user_namespaces'`,
    exec: { wrapper: ["nsenter", "--user=/run/user-namespace"] },
  },
  "a seccomp filter refuses unshare": { refuses: ["unshare", "clone", "clone3"] },
  "a seccomp filter refuses mount": {
    refuses: ["mount", "open_tree", "move_mount", "fsopen", "fsmount", "mount_setattr"],
  },
  "a chroot": {
    script: "mkdir /srv/chroot && mount --rbind / /srv/chroot",
    exec: { wrapper: ["chroot", "/srv/chroot"] },
  },
  "a container's few capabilities": {
    script: "touch /.dockerenv",
    exec: { wrapper: ["setpriv", `--bounding-set=-all,${containers.map((name) => `+${name}`).join()}`] },
  },

  "a container's masked /proc": {
    script: `touch /.dockerenv
      for path in keys timer_list; do mount --bind /dev/null "/proc/$path"; done
      for path in sys bus; do mount --bind "/proc/$path" "/proc/$path" && mount -o remount,bind,ro "/proc/$path"; done`,
  },

  // Devices
  "no /dev/fuse": { script: "rm /dev/fuse" },
  "/dev/fuse is root's": { script: "chmod 0600 /dev/fuse" },
  "no /dev/net/tun": { script: "rm /dev/net/tun" },
  "a read-only /dev": { script: "mount -o remount,ro /dev" },

  // Files
  "a read-only home": {
    script: home("mount --bind /home/runner /home/runner; mount -o remount,bind,ro /home/runner"),
  },
  "a home without xattrs": { script: home("mount -t ramfs ramfs /home/runner") },
  "a home on tmpfs": { script: home("mount -t tmpfs tmpfs /home/runner") },
  "a home on overlay": {
    script: home(`mkdir -p /var/tmp/lower /var/tmp/upper /var/tmp/work
      mount -t overlay -o lowerdir=/var/tmp/lower,upperdir=/var/tmp/upper,workdir=/var/tmp/work overlay /home/runner`),
  },
  "a full disk": {
    script: home(`mount -t tmpfs -o size=1m tmpfs /home/runner
      dd if=/dev/zero of=/home/runner/full status=none 2>/dev/null || :`),
  },
  "no inodes": { script: home("mount -t tmpfs -o nr_inodes=2 tmpfs /home/runner") },

  // Session
  "no runtime directory": { exec: { env: { XDG_RUNTIME_DIR: undefined } } },
  "an unwritable runtime directory": { script: "chown root: /run/user/1001" },

  // cgroups
  "hybrid cgroups": {
    script: `${cgroups1}
      mkdir /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified`,
  },
  "cgroup v1": { script: cgroups1 },
  "another's cgroup": { script: "chown nobody: /sys/fs/cgroup /sys/fs/cgroup/cgroup.*" },
  "read-only cgroups": { script: "mount -o remount,bind,ro /sys/fs/cgroup" },
} satisfies Record<string, Lack>;

export type LackName = keyof typeof LACKS;

const FILTER = "/run/seccomp-filter";

/** As setpriv(1) has it with --seccomp-filter, but without the flag of no new privileges: root needs none for it. */
const loadFilter = [
  "perl",
  "-e",
  `open my $file, "<:raw", shift or die "$!\n"; local $/; my $filter = <$file>;
   my $program = pack "Sx![P]P", length($filter) / 8, $filter;
   my ($prctl, $set_seccomp, $mode_filter) = (${process.arch === "arm64" ? 167 : 157}, 22, 2);
   syscall($prctl, $set_seccomp, $mode_filter, $program) == 0 or die "seccomp: $!\n";
   exec @ARGV or die "$ARGV[0]: $!\n"`,
  FILTER,
];

/**
 * Starts a machine that lacks all of these and nothing else: it has sudo without a password, subordinate ids, and
 * every program, device and file system that rootless podman needs.
 */
export async function startLacking(
  names: readonly LackName[],
  start: (options: Partial<MachineOptions>) => Promise<Machine>,
): Promise<Machine> {
  const lacks = names.map((name): Lack => LACKS[name]);
  const refused = lacks.flatMap(({ refuses = [] }) => refuses);
  const wrapper = lacks.flatMap(({ exec }) => exec?.wrapper ?? []);
  // First, while it has the capability for that.
  if (refused.length > 0) wrapper.unshift(...loadFilter);
  const exec: ExecOptions = Object.assign({}, ...lacks.map((lack) => lack.exec), { wrapper });
  exec.env = Object.assign({}, ...lacks.map((lack) => lack.exec?.env));
  const uid = lacks.find((lack) => lack.uid !== undefined)?.uid;
  const machine = await start({
    subordinateIds: `${exec.user === "root" ? "root" : "runner"}:100000:65536`,
    exec,
    ...(uid === undefined ? {} : { uid }),
  });
  if (refused.length > 0) writeFileSync(machine.file(FILTER), refuse(refused));
  for (const { script } of lacks) {
    if (script === undefined) continue;
    const argv = ["sh", "-euc", script];
    outputOf(script, await machine.exec(argv, { user: "root", cwd: "/" }));
  }
  return machine;
}
