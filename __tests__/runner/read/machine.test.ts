import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Facts } from "../../../src/runner/facts.ts";
import { debianRoot, RUNNER_PACKAGES } from "../../support/assets/debian-root.ts";
import { type Machine, startMachine } from "../../support/machine/machine.ts";
import { outputOf } from "../../support/machine/output.ts";
import { node24 } from "../../support/runner/node.ts";

const project = fileURLToPath(new URL("../../..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "facts-"));

let machine: Machine;
beforeAll(async () => {
  const image = await debianRoot({ packages: RUNNER_PACKAGES, name: "runner" });
  const parts = ["src", "node_modules", "package.json"];
  machine = await startMachine({
    image,
    directory: join(scratch, "machine"),
    node: node24(),
    subordinateIds: "runner:165536:65536",
    mounts: parts.map((part) => ({ source: join(project, part), target: `/opt/project/${part}` })),
  });
}, 600_000);
afterAll(async () => {
  await machine.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const print = `import { readFacts } from "/opt/project/src/runner/read/facts.ts";
const facts = await readFacts({ storageRoot: process.argv[1] });
console.log(JSON.stringify(facts, (_, value) => value ?? null));`;
const reader = ["/opt/node24/bin/node", "--input-type=module", "--eval", print];
const identity = "setpriv --reuid 1001 --regid 1001 --init-groups --inh-caps=-all";

/** The facts that runner meets where a script of root's has come before, in a mount namespace of its own. */
async function read(
  before = "",
  { as = identity, env = {} as Record<string, string | undefined>, storage = "" } = {},
): Promise<Facts> {
  const script = `set -eu; cd /; ${before}\nexec ${as} "$@"`;
  const argv = ["unshare", "--mount", "sh", "-c", script, "-", ...reader, ...(storage ? [storage] : [])];
  const variables = { HOME: "/home/runner", ...env };
  const result = await machine.exec(argv, { user: "root", env: variables });
  // The lines before it are for the log of a job.
  return JSON.parse(outputOf(script, result).split("\n").at(-1) ?? "") as Facts;
}

test("a machine that lacks nothing", async () => {
  expect(await read("", { env: { XDG_RUNTIME_DIR: "/run/user/1001" } })).toMatchObject({
    user: { uid: 1001, gid: 1001, groups: [1001], name: "runner", home: "/home/runner", homeWritable: true },
    kernel: {
      release: expect.stringMatching(/^\d+\.\d+/),
      architecture: expect.stringMatching(/^(x86_64|aarch64)$/),
    },
    chroot: false,
    privileges: { sudo: "passwordless", sudoError: "", noNewPrivs: false, seccomp: 0, sysAdmin: false },
    namespaces: { max: expect.any(Number), user: true, mount: true },
    subordinate: {
      uids: [{ owner: "runner", start: 165_536, count: 65_536 }],
      ownUids: [{ owner: "runner", start: 165_536, count: 65_536 }],
      ownGids: [{ owner: "runner", start: 165_536, count: 65_536 }],
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
    storage: { directory: "/home/runner", writable: true, xattrs: true, overlay: true },
    cgroups: { mode: "v2", writable: true },
    session: { runtimeDirectory: "/run/user/1001", runtimeUsable: true, defaultUsable: true },
    nix: { directory: "absent" },
  });
});

const node = (mode: string, minor: number, over: string) =>
  `mount -t tmpfs -o dev tmpfs /mnt; mknod -m ${mode} /mnt/node c 10 ${minor}; mount --bind /mnt/node ${over}`;
const readOnly = (path: string) => `mount --bind ${path} ${path}; mount -o remount,bind,ro ${path}`;
const sudoers = (line: string) =>
  `mount -t tmpfs tmpfs /etc/sudoers.d; echo '${line}' >/etc/sudoers.d/runner`;
const privileged = { path: "/usr/bin/newgidmap", privileged: true };
const error = (words: string) => ({ error: expect.stringContaining(words) });

test.each<[string, string, object]>([
  [
    "no newuidmap",
    "mount --bind /dev/null /usr/bin/newuidmap",
    { mappers: { uid: { path: null, privileged: false }, gid: privileged } },
  ],
  [
    "newuidmap without setuid",
    "mount -t tmpfs tmpfs /mnt; install -m 755 /usr/bin/newuidmap /mnt; mount --bind /mnt/newuidmap /usr/bin/newuidmap",
    { mappers: { uid: { path: "/usr/bin/newuidmap", privileged: false }, gid: privileged } },
  ],
  [
    "newuidmap on a file system without setuid",
    "mount --bind /usr/bin/newuidmap /usr/bin/newuidmap; mount -o remount,bind,nosuid /usr/bin/newuidmap",
    { mappers: { uid: { path: "/usr/bin/newuidmap", privileged: false }, gid: privileged } },
  ],
  [
    "newuidmap with a capability",
    "mount -t tmpfs tmpfs /mnt; install -m 755 /usr/bin/newuidmap /mnt; setcap cap_setuid=ep /mnt/newuidmap; mount --bind /mnt/newuidmap /usr/bin/newuidmap",
    { mappers: { uid: { path: "/usr/bin/newuidmap", privileged: true } } },
  ],
  ["no /dev/net/tun", "mount -t tmpfs tmpfs /dev/net", { devices: { fuse: "usable", tun: "absent" } }],
  ["a /dev/fuse without its driver", node("666", 255, "/dev/fuse"), { devices: { fuse: "absent" } }],
  ["a /dev/fuse for root alone", node("600", 229, "/dev/fuse"), { devices: { fuse: "denied" } }],
  ["sudo with a password", sudoers("runner ALL=(ALL) ALL"), { privileges: { sudo: "password" } }],
  [
    "sudo without setuid",
    "mount --bind /usr/bin/sudo /usr/bin/sudo; mount -o remount,bind,nosuid /usr/bin/sudo",
    { privileges: { sudo: "refused", sudoError: expect.stringContaining("nosuid") } },
  ],
  ["no sudo", "mount --bind /dev/null /usr/bin/sudo", { privileges: { sudo: "absent", sudoError: "" } }],
  ["a read-only /etc", readOnly("/etc"), { subordinate: { readOnly: true } }],
  ["a read-only /etc/subgid", readOnly("/etc/subgid"), { subordinate: { readOnly: true } }],
  [
    "ranges of others, by number too",
    "mount -t tmpfs tmpfs /mnt; printf '1001:200000:1000\\n1002:300000:65536\\n' >/mnt/ids; mount --bind /mnt/ids /etc/subuid",
    { subordinate: { ownUids: [{ owner: "1001", start: 200_000, count: 1000 }], readOnly: false } },
  ],
  [
    "another source of ranges",
    "mount -t tmpfs tmpfs /mnt; echo 'subid: sss' >/mnt/conf; mount --bind /mnt/conf /etc/nsswitch.conf; printf '#!/bin/sh\\n[ \"$1\" = -g ] && start=600000 || start=500000\\necho 0: runner $start 65536\\n' >/mnt/getsubids; chmod 755 /mnt/getsubids; mount --bind /mnt/getsubids /usr/bin/getsubids",
    {
      subordinate: {
        source: "sss",
        uids: [{ owner: "runner" }],
        ownUids: [{ owner: "runner", start: 500_000, count: 65_536 }],
        ownGids: [{ owner: "runner", start: 600_000, count: 65_536 }],
      },
    },
  ],
  [
    "a read-only home",
    readOnly("/home"),
    {
      user: { homeWritable: { error: "read-only file system" } },
      storage: { writable: { error: "read-only file system" }, overlay: { error: "read-only file system" } },
    },
  ],
  [
    "a home without extended attributes",
    "mount -t ramfs ramfs /home/runner; chown runner /home/runner",
    { storage: { fileSystem: "ramfs", writable: true, xattrs: { error: "Operation not supported" } } },
  ],
  [
    "a full disk",
    "mount -t tmpfs -o size=16k,uid=1001 tmpfs /home/runner; dd if=/dev/zero of=/home/runner/x bs=4k count=4 status=none",
    {
      user: { homeWritable: { error: "no space left on device" } },
      storage: { fileSystem: "tmpfs", freeBytes: 0, writable: { error: "no space left on device" } },
    },
  ],
  [
    "no inodes",
    "mount -t tmpfs -o nr_inodes=2,uid=1001 tmpfs /home/runner; : >/home/runner/x",
    { storage: { freeInodes: 0, writable: { error: "no space left on device" } } },
  ],
  ["read-only cgroups", readOnly("/sys/fs/cgroup"), { cgroups: { mode: "v2", writable: false } }],
  ["no cgroups", "umount /sys/fs/cgroup", { cgroups: { mode: "none", writable: false, controllers: [] } }],
  ["no /proc", "umount -R /proc", { chroot: false, privileges: { seccomp: 0 }, kernel: {} }],
  [
    "another's runtime directory",
    "mount -t tmpfs -o mode=700 tmpfs /run/user/1001",
    { session: { defaultUsable: false } },
  ],
])("a machine with %s", async (_, before, expected) => {
  expect(await read(before)).toMatchObject(expected);
});

test("a user whom nobody knows", async () => {
  const as = "setpriv --reuid 2000000 --regid 2000000 --clear-groups --inh-caps=-all";
  const facts = await read("", { as, env: { HOME: undefined } });
  expect(facts.user).toEqual({
    uid: 2_000_000,
    gid: 2_000_000,
    groups: [2_000_000],
    name: null,
    home: "/",
    homeWritable: { error: "permission denied" },
  });
  expect(facts).toMatchObject({ subordinate: { ownUids: [] }, privileges: { sudo: "refused" } });
});

test("programs that get no new privileges", async () => {
  const facts = await read("", { as: `${identity} --no-new-privs` });
  expect(facts.privileges).toMatchObject({
    noNewPrivs: true,
    sudo: "refused",
    sudoError: expect.stringContaining('"no new privileges" flag is set'),
  });
});

test("a user namespace with no more of them allowed, and root in it", async () => {
  const as = `${identity} unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' -`;
  const facts = await read("", { as });
  expect(facts).toMatchObject({
    chroot: false,
    privileges: { sudo: "root", sysAdmin: true },
    namespaces: { max: 0, user: error("No space left on device"), mount: error("No space left on device") },
    storage: { writable: true, overlay: error("No space left on device") },
  });
});

test.each([
  [
    "of a directory",
    "mkdir -p /tmp/a; for d in usr opt proc etc dev tmp; do mkdir -p /tmp/a/$d; mount --rbind /$d /tmp/a/$d; done; ln -sfn usr/bin /tmp/a/bin; ln -sfn usr/lib /tmp/a/lib; ln -sfn usr/lib64 /tmp/a/lib64",
    "chroot /tmp/a",
  ],
  ["of a mount", "mkdir -p /tmp/b; mount --rbind / /tmp/b", "chroot /tmp/b"],
])("a chroot %s", async (_, before, chroot) => {
  const facts = await read(before, { as: `${chroot} ${identity}` });
  expect(facts).toMatchObject({
    chroot: true,
    namespaces: { user: error("Operation not permitted"), mount: error("Operation not permitted") },
  });
});

test("it leaves nothing, and reads of a store that is not there yet", async () => {
  const state = async () => {
    const list = "find /home /tmp /run /etc /var/tmp | sort; cat /proc/mounts";
    return outputOf(list, await machine.exec(["sh", "-c", list], { user: "root" }));
  };
  const before = await state();
  const facts = await read("", { storage: "/var/tmp/a, b:c/store" });
  expect(facts.storage).toMatchObject({ directory: "/var/tmp", xattrs: true, overlay: true });
  expect(await state()).toBe(before);
  expect(machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
});

test("a path with characters that overlay takes for others", async () => {
  const make = ["mkdir", "-p", "/home/runner/a, b:c\\d"];
  expect(await machine.exec(make)).toMatchObject({ code: 0 });
  const facts = await read("", { storage: "/home/runner/a, b:c\\d/store" });
  expect(facts.storage).toMatchObject({ directory: "/home/runner/a, b:c\\d", xattrs: true, overlay: true });
});
