import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { debianRoot, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { type LackName, startLacking } from "./lacks.ts";
import { startMachine } from "./machine.ts";

const scratch = mkdtempSync(join(tmpdir(), "lacks-"));
let image: string;
beforeAll(async () => {
  image = await debianRoot({ packages: RUNNER_PACKAGES, name: "runner" });
}, 600_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const unshareMount = "unshare --user --map-root-user --mount";
const tryXattr = `touch ~/file && python3 -c 'import os; os.setxattr("/home/runner/file", "user.a", b"1")'`;
const tryOverlay = `mkdir ~/lower ~/upper ~/over && ${unshareMount} mount -t overlay -o \\
  userxattr,lowerdir=$HOME/lower,upperdir=$HOME/upper,workdir=$HOME/over overlay /mnt`;
const ownCgroup = "mkdir: cannot create directory ‘/sys/fs/cgroup/own’: ";

/** What plain programs say: a script of the user's, and what is in its output. */
const proofs: Record<LackName, [script: string, says: string | RegExp]> = {
  "no sudo": ["sudo -n true", "sudo: not found"],
  "sudo asks for a password": ["sudo -n true", "sudo: a password is required"],
  "no new privileges": ["sudo -n true", /^sudo: .*"no new privileges"|^sudo: .*disable the flag\.$/],
  "a nosuid /usr": ["sudo -n true", /^sudo: .*'nosuid' option/],
  "no newuidmap": ["newuidmap", "newuidmap: not found"],
  "newuidmap is not setuid": [
    "unshare --user --map-auto true",
    /newuidmap: write to uid_map failed: Operation not permitted|newgidmap: write/,
  ],
  "no subordinate ids": ["getsubids runner", "Error fetching ranges"],
  "no /etc/subuid": ["cat /etc/subuid", /No such file/],
  "1000 subordinate ids": ["getsubids runner", "0: runner 100000 1000"],
  "another's subordinate ids": [
    "getsubids daemon; getsubids runner",
    /^0: daemon 100000 65536\n0: runner 100000 65536$/m,
  ],
  "no usermod": ["sudo usermod", "sudo: usermod: command not found"],
  "a read-only /etc": ["sudo touch /etc/subuid", "touch: cannot touch '/etc/subuid': Read-only file system"],
  "no entry in /etc/passwd": ["whoami", "whoami: cannot find name for user ID 1001"],
  "root is the user": ["id -u", /^0$/m],
  "uid 2000000": ["touch ~/file; stat -c %u ~ $XDG_RUNTIME_DIR ~/file | xargs", /^2000000 2000000 2000000$/m],
  "no user namespaces": ["unshare --user true", "unshare: unshare failed: No space left on device"],
  "a seccomp filter refuses unshare": [
    "sudo -n unshare --mount true",
    "unshare: unshare failed: Operation not permitted",
  ],
  "a seccomp filter refuses mount": [
    `${unshareMount} --propagation unchanged mount -t tmpfs tmpfs /mnt`,
    /Operation not permitted|permission denied|must be superuser/i,
  ],
  "a chroot": ["unshare --user true", "unshare: unshare failed: Operation not permitted"],
  "a container's few capabilities": ["sudo -n unshare --mount true", /Operation not permitted/],
  "a container's masked /proc": [
    `${unshareMount} --pid --fork mount -t proc proc /mnt`,
    /too revealing|permission denied/i,
  ],
  "no /dev/fuse": ["ls /dev/fuse", /No such file/],
  "/dev/fuse is root's": ["true <>/dev/fuse", /Permission denied/],
  "no /dev/net/tun": ["ls /dev/net/tun", /No such file/],
  "a read-only /dev": ["sudo mknod /dev/fuse2 c 10 229", "mknod: /dev/fuse2: Read-only file system"],
  "a read-only home": ["touch ~/work/file && touch ~/file", /Read-only file system/],
  "a home without xattrs": [tryXattr, /Operation not supported/],
  "a home on tmpfs": [`stat -f -c %T ~ ~/work; ${tryXattr}`, /^tmpfs\n(?!tmpfs)\S+\n$/],
  "a home on overlay": [tryOverlay, "not supported as upperdir"],
  "a full disk": ["touch ~/work/file && printf 1 >~/file", /No space left on device|I\/O error/],
  "no inodes": ["touch ~/work/file && touch ~/file", /No space left on device/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: of the shell
  "no runtime directory": ["echo ${XDG_RUNTIME_DIR-none}", /^none$/m],
  "an unwritable runtime directory": ["touch $XDG_RUNTIME_DIR/file", /Permission denied/],
  "hybrid cgroups": [
    "mkdir /sys/fs/cgroup/unified/own && stat -f -c %T /sys/fs/cgroup /sys/fs/cgroup/systemd | xargs",
    "tmpfs cgroupfs",
  ],
  "cgroup v1": [
    "stat -f -c %T /sys/fs/cgroup; ! grep cgroup2 /proc/mounts; sudo mkdir /sys/fs/cgroup/systemd/own",
    /Read-only file system/,
  ],
  "another's cgroup": ["mkdir /sys/fs/cgroup/own", `${ownCgroup}Permission denied`],
  "read-only cgroups": ["mkdir /sys/fs/cgroup/own", `${ownCgroup}Read-only file system`],
};

test.each(Object.keys(proofs) as LackName[])("%s", async (name) => {
  const [script, says] = proofs[name];
  const start = (options: object) =>
    startMachine({ image, directory: join(scratch, name.replace(/\W+/g, "-")), ...options });
  const machine = await startLacking([name], start);
  const { stdout } = await machine.exec(["sh", "-c", `exec 2>&1\n${script}`], {
    env: { XDG_RUNTIME_DIR: "/run/user/1001" },
  });
  expect(stdout).toMatch(says);
  await machine.stop();
});

test("a machine that lacks nothing passes what the others fail", async () => {
  const machine = await startLacking([], (options) =>
    startMachine({ image, directory: join(scratch, "whole"), ...options }),
  );
  const script = `set -e
    sudo -n true; sudo -n unshare --mount true; unshare --user --map-auto true; ${tryXattr}
    ${tryOverlay}
    ${unshareMount} --pid --fork mount -t proc proc /mnt
    true <>/dev/fuse; ls /dev/net/tun; touch $XDG_RUNTIME_DIR/file; mkdir /sys/fs/cgroup/own`;
  const { code, stderr } = await machine.exec(["sh", "-c", script], {
    env: { XDG_RUNTIME_DIR: "/run/user/1001" },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await machine.stop();
});
