import { testCases } from "../support/world/lacking-table.ts";

const single = (why: string) =>
  `Containers have the user's own id alone, so that images with files of other users and programs that change user may fail (${why}).`;
const noNewPrivileges = "NoNewPrivs is set for this process, so that sudo and newuidmap have no effect";
const withoutNoNewPrivileges =
  "Remove NoNewPrivileges= and what implies it (systemd.exec(5)) from the unit of the runner's service.";

testCases([
  { lacks: ["no sudo"], works: "fuse-overlayfs" },
  { lacks: ["sudo asks for a password"], works: "fuse-overlayfs" },
  { lacks: ["a read-only /etc"], works: "fuse-overlayfs" },
  { lacks: ["no new privileges"], fails: `${noNewPrivileges}. ${withoutNoNewPrivileges}` },
  {
    lacks: ["no new privileges"],
    inputs: { "allow-single-id": "true" },
    works: "vfs",
    warns: [`${single(noNewPrivileges)} ${withoutNoNewPrivileges}`],
  },
  {
    lacks: ["a nosuid /usr"],
    fails:
      "Nobody can write the id maps: /usr/bin/newuidmap is not setuid root and has no capability, and sudo refuses (sudo: effective uid is not 0, is /usr/bin/sudo on a file system with the 'nosuid' option set or an NFS file system without root privileges?). Run beforehand: sudo chmod u+s /usr/bin/newuidmap (on a file system that is not mounted nosuid), or allow sudo without a password.",
  },
  {
    lacks: ["no entry in /etc/passwd"],
    fails:
      "The uid 1001 is not in /etc/passwd, so that neither sudo nor newuidmap serves it. Add it beforehand: useradd --uid 1001 runner (in the image of a container), or use a user that is there.",
  },
  {
    lacks: ["no entry in /etc/passwd"],
    inputs: { "allow-single-id": "true" },
    works: "vfs",
    warns: [
      `${single("Nobody can write the id maps: newuidmap serves no user without a name, and sudo refuses (sudo: you do not exist in the passwd database)")} Use a user that is in /etc/passwd.`,
    ],
  },
  { lacks: ["uid 2000000"], works: "fuse-overlayfs" },
  { lacks: ["root is the user"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "no subordinate ids"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "no newuidmap", "no sudo"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "no new privileges"], works: "fuse-overlayfs" },
  { lacks: ["root is the user", "a container's few capabilities"], works: "fuse-overlayfs" },
  {
    lacks: ["root is the user", "a container's few capabilities", "a seccomp filter refuses unshare"],
    fails:
      "A seccomp filter refuses to create a user namespace (unshare: unshare failed: Operation not permitted). Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined.",
  },
]);
