import { testCases } from "../support/world/lacking-table.ts";

const docker =
  "Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined.";
const hiddenProc = `Parts of /proc are hidden here, so that no container can mount its own (mount: /proc: fsmount() failed: VFS: Mount too revealing). ${docker}`;
const hostNetwork = (why: string) =>
  `Containers share the host's network unless --network says otherwise, as there is no /dev/net/tun, and ${why}. Run beforehand: sudo modprobe tun.`;

testCases([
  { lacks: ["no user namespaces"], works: "fuse-overlayfs" },
  {
    lacks: ["no user namespaces", "no sudo"],
    fails:
      "The kernel's settings allow no user namespace (user.max_user_namespaces is 0), and there is no sudo. Run on the machine itself: sudo sysctl -w user.max_user_namespaces=15000.",
  },
  {
    lacks: ["a seccomp filter refuses unshare"],
    fails:
      "A seccomp filter refuses to create a user namespace (unshare: unshare failed: Operation not permitted). Remove RestrictNamespaces= and SystemCallFilter= from the unit of the runner's service.",
  },
  {
    lacks: ["a seccomp filter refuses mount"],
    fails:
      "A seccomp filter refuses to mount in a user namespace (unshare: cannot change root filesystem propagation: Operation not permitted). Remove SystemCallFilter= from the unit of the runner's service.",
  },
  {
    lacks: ["a chroot"],
    fails:
      "This process stands below a chroot, where the kernel creates no user namespace. Start the runner by a program that uses pivot_root, such as systemd-nspawn, docker or podman.",
  },
  { lacks: ["a container's masked /proc"], fails: hiddenProc },
  { lacks: ["root is the user", "a container's masked /proc"], fails: hiddenProc },
  { lacks: ["hybrid cgroups"], works: "fuse-overlayfs" },
  { lacks: ["cgroup v1"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "cgroup v1"], works: "fuse-overlayfs" },
  { lacks: ["read-only cgroups"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "read-only cgroups"], works: "fuse-overlayfs" },
  { lacks: ["another's cgroup"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "another's cgroup"], works: "fuse-overlayfs" },
  { lacks: ["no /dev/net/tun"], works: "fuse-overlayfs" },
  {
    lacks: ["no /dev/net/tun", "no sudo"],
    works: "fuse-overlayfs",
    warns: [hostNetwork("there is no sudo")],
  },
  {
    lacks: ["no /dev/net/tun", "a read-only /dev"],
    works: "fuse-overlayfs",
    warns: [hostNetwork("what was done about it as root did not help")],
  },
]);
