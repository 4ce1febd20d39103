import { describe, expect, test } from "@jest/globals";
import type { AppArmor, Namespaces, Privileges } from "../../../src/runner/facts.ts";
import { attributeOf } from "../../../src/runner/read/attribute.ts";
import { containerOf, type Traces } from "../../../src/runner/read/container.ts";
import { deviceOf } from "../../../src/runner/read/file.ts";
import { hasCapability } from "../../../src/runner/read/mappers.ts";
import { onlyChrootExplains, parseIds, parseProfile } from "../../../src/runner/read/namespaces.ts";
import { parseStatus, sudoOf } from "../../../src/runner/read/privileges.ts";
import { attempt, parseVersion, probe } from "../../../src/runner/read/program.ts";
import { socketOf } from "../../../src/runner/read/session.ts";
import { parseGetsubids, parseSource, parseTakenIds } from "../../../src/runner/read/subordinate.ts";
import { reasonIn, reasonOf } from "../../../src/runner/read/words.ts";

const status = (caps: string, noNewPrivs: number, seccomp: number, bounding = "000001ffffffffff") =>
  `Name:\tnode\nUid:\t1001\t1001\t1001\t1001\nCapInh:\t0000000000000000\nCapPrm:\t${caps}\nCapEff:\t${caps}\nCapBnd:\t${bounding}\nNoNewPrivs:\t${noNewPrivs}\nSeccomp:\t${seccomp}\nSeccomp_filters:\t0\n`;

const all = ["setgid", "setuid", "sys_admin", "mknod"];

test.each([
  [
    "a user",
    status("0000000000000000", 0, 0),
    { sysAdmin: false, noNewPrivs: false, seccomp: 0, bounding: all },
  ],
  [
    "root",
    status("000001ffffffffff", 0, 0),
    { sysAdmin: true, noNewPrivs: false, seccomp: 0, bounding: all },
  ],
  [
    "root of a container",
    status("00000000a80425fb", 1, 2, "00000000a80425fb"),
    { sysAdmin: false, noNewPrivs: true, seccomp: 2, bounding: ["setgid", "setuid", "mknod"] },
  ],
  [
    "SYS_ADMIN alone",
    status("0000000000200000", 0, 2, "0000000000200000"),
    { sysAdmin: true, noNewPrivs: false, seccomp: 2, bounding: ["sys_admin"] },
  ],
  ["nobody", "", { sysAdmin: false, noNewPrivs: false, seccomp: 0, bounding: [] }],
])("/proc/self/status of %s", (_, text, expected) => expect(parseStatus(text)).toEqual(expected));

const nnp = `sudo: The "no new privileges" flag is set, which prevents sudo from running as root.
sudo: If sudo is running in a container, you may need to adjust the container configuration to disable the flag.\n`;

test.each([
  [0, "", "passwordless", ""],
  [1, "sudo: a password is required\n", "password", "sudo: a password is required"],
  [
    1,
    "sudo: unable to resolve host r1: Name or service not known\nsudo: a password is required\n",
    "password",
    "sudo: a password is required",
  ],
  [
    1,
    "sudo: interactive authentication is required\n",
    "password",
    "sudo: interactive authentication is required",
  ],
  [1, nnp, "refused", 'sudo: The "no new privileges" flag is set, which prevents sudo from running as root'],
  [
    1,
    "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set\n",
    "refused",
    "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set",
  ],
  [124, "/usr/bin/sudo took longer than 30 s", "refused", "/usr/bin/sudo took longer than 30 s"],
  [137, "", "refused", "sudo ended with exit code 137"],
])("sudo that ends with %d and %j", (code, stderr, sudo, sudoError) =>
  expect(sudoOf({ code, stdout: "", stderr })).toEqual({ sudo, sudoError }),
);

test.each([
  ["", "files"],
  ["passwd: files systemd\ngroup: files\n", "files"],
  ["passwd:\tsss files\nsubid:\t\tsss\n", "sss"],
  ["subid: files sss", "files"],
  ["  subid:ldap # of the company", "ldap"],
  ["# subid: sss", "files"],
  ["subid:\npasswd: sss", "files"],
])("nsswitch.conf %j names %s", (text, source) => expect(parseSource(text)).toBe(source));

test("getsubids's output is read", () => {
  expect(parseGetsubids("0: runner 100000 65536\n1: runner 300000 1000\n")).toEqual([
    { owner: "runner", start: 100_000, count: 65_536 },
    { owner: "runner", start: 300_000, count: 1000 },
  ]);
  expect(parseGetsubids("Error fetching ranges\n")).toEqual([]);
});

test("taken ids are those of users and groups, above the ones of systems", () => {
  const passwd =
    "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\nann:x:200001:100:Ann:/:/bin/sh\n+::::::\n";
  const group = "root:x:0:\nstaff:x:200001:ann\nlab:*:100000:\nodd:x:y:\n";
  expect(parseTakenIds(passwd, group)).toEqual([100_000, 200_001]);
  expect(parseTakenIds()).toEqual([]);
});

test.each<[string, "cap_setuid" | "cap_setgid", boolean]>([
  ["/usr/bin/newuidmap cap_setuid=ep\n", "cap_setuid", true],
  ["/usr/bin/newuidmap = cap_setuid+ep\n", "cap_setuid", true],
  ["/usr/bin/newgidmap cap_setgid,cap_sys_admin=eip\n", "cap_setgid", true],
  ["/usr/bin/newgidmap cap_setgid=ep\n", "cap_setuid", false],
  ["/usr/bin/newuidmap cap_setuid=ie\n", "cap_setuid", false],
  ["", "cap_setuid", false],
])("getcap's %j gives %s: %s", (output, capability, expected) =>
  expect(hasCapability(output, capability)).toBe(expected),
);

const traces: Traces = {
  kubernetes: false,
  containerEnv: false,
  dockerEnv: false,
  manager: "",
  cgroup: "0::/\n",
};

test.each<[string, Partial<Traces>, string | undefined]>([
  ["a machine", { cgroup: "0::/init.scope\n" }, undefined],
  ["a pod", { kubernetes: true, dockerEnv: true }, "kubernetes"],
  ["podman", { containerEnv: true, manager: "podman" }, "podman"],
  ["docker", { dockerEnv: true }, "docker"],
  ["lxc", { manager: "lxc" }, "lxc"],
  ["nspawn", { manager: "systemd-nspawn" }, "other"],
  ["docker by its cgroup", { cgroup: "12:pids:/docker/0123\n0::/docker/0123\n" }, "docker"],
  [
    "a pod by its cgroup",
    { cgroup: "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-2.scope\n" },
    "kubernetes",
  ],
])("%s is known", (_, some, expected) => expect(containerOf({ ...traces, ...some })).toBe(expected));

test.each([
  ["ENOENT", "absent"],
  ["ENXIO", "absent"],
  ["ENODEV", "absent"],
  ["EACCES", "denied"],
  ["EPERM", "denied"],
  [undefined, "denied"],
])("a device that fails with %s is %s", (code, expected) => expect(deviceOf(code)).toBe(expected));

test.each([
  ["unconfined\n", undefined],
  ["", undefined],
  ["docker-default (enforce)\n", "docker-default"],
  ["unconfined\0", undefined],
  ["runner//&:ns:unconfined (complain)", "runner//&:ns:unconfined"],
])("AppArmor's %j is %s", (text, expected) => expect(parseProfile(text)).toBe(expected));

test.each([
  ["podman version 4.9.3\n", "4.9.3"],
  ["podman version 5.0.0-dev\n", "5.0.0-dev"],
  ["fuse-overlayfs: version 1.14\nFUSE library version 3.16.2\n", "1.14"],
  ["fuse-overlayfs version v1.13-dev\n", "1.13-dev"],
  ["", undefined],
])("%j has the version %s", (text, expected) => expect(parseVersion(text)).toBe(expected));

test.each([
  ["unix:path=/run/user/1001/bus", "/run/user/1001/bus"],
  ["unix:path=/run/user/1001/bus,guid=0123", "/run/user/1001/bus"],
  ["unix:guid=0123,abstract=/tmp/dbus-x", "\0/tmp/dbus-x"],
  ["unix:path=/tmp/a%20b", "/tmp/a b"],
  ["unix:path=/tmp/%", undefined],
  ["tcp:host=localhost,port=1", undefined],
  ["unix:runtime=yes", undefined],
])("D-Bus's %s is %j", (address, expected) => expect(socketOf(address)).toBe(expected));

const mountWords = `mount: /tmp/x: wrong fs type, bad option, bad superblock on overlay, missing codepage or helper program, or other error.
       dmesg(1) may have more information after failed mount system call.\n`;

test.each([
  ["unshare: unshare failed: Operation not permitted\n", "unshare: unshare failed: Operation not permitted"],
  [mountWords, mountWords.split(".\n")[0]],
  ["", undefined],
])("of %j the reason is told", (stderr, expected) => expect(reasonIn(stderr)).toBe(expected));

test.each([
  ["EACCES: permission denied, mkdtemp '/home/x'", "permission denied"],
  ["EROFS: read-only file system, open '/a, b'", "read-only file system"],
  ["ENOSPC: no space left on device, write", "no space left on device"],
  ["sudo took longer than 5 s", "sudo took longer than 5 s"],
])("of the error %j too", (message, expected) => expect(reasonOf(new Error(message))).toBe(expected));

test.each([
  ["is set", 0, "", true],
  [
    "cannot be set",
    0,
    "tar: setxattrat: Cannot set 'user.podman-rootless' extended attribute for file 'attribute': Operation not supported\n",
    { error: "Operation not supported" },
  ],
  ["is unknown to busybox", 1, "tar: unrecognized option '--xattrs'\nBusyBox v1.36.1\n", undefined],
  ["fails with the file", 2, "tar: attribute: Cannot open: No space left on device\n", undefined],
])("an attribute that %s", (_, code, stderr, expected) =>
  expect(attributeOf({ code, stdout: "", stderr })).toEqual(expected),
);

describe("a chroot is taken for the cause", () => {
  const namespaces: Namespaces = {
    max: 1000,
    unprivilegedClone: undefined,
    user: { error: "unshare: unshare failed: Operation not permitted" },
    mount: { error: "unshare: unshare failed: Operation not permitted" },
  };
  const seen = { seccomp: 0 } as Privileges;
  const appArmor = { enabled: false } as AppArmor;

  test("where nothing else can be", () => {
    expect(onlyChrootExplains(namespaces, seen, appArmor)).toBe(true);
    expect(onlyChrootExplains({ ...namespaces, unprivilegedClone: true }, seen, appArmor)).toBe(true);
  });

  test.each<[string, Partial<Namespaces>, Partial<Privileges>, Partial<AppArmor>]>([
    ["they can be made", { user: true }, {}, {}],
    ["there are too many", { user: { error: "unshare: unshare failed: No space left on device" } }, {}, {}],
    ["Debian's setting keeps them", { unprivilegedClone: false }, {}, {}],
    ["a filter may", {}, { seccomp: 2 }, {}],
    ["AppArmor may", {}, {}, { enabled: true }],
  ])("but not where %s", (_, ...[some, rights, armor]) => {
    const all = [
      { ...namespaces, ...some },
      { ...seen, ...rights },
      { ...appArmor, ...armor },
    ] as const;
    expect(onlyChrootExplains(...all)).toBe(false);
  });
});

test("programs that hang, fail without a word, or are not there", async () => {
  expect(await attempt("sleep", ["60"], 1)).toMatchObject({
    code: 124,
    stderr: "sleep took longer than 1 s",
  });
  expect(await probe("false", [])).toEqual({ error: "false ended with exit code 1" });
  expect(await probe("true", [])).toBe(true);
  expect(await probe("nosuch-program", [])).toEqual({
    error: expect.stringContaining("No such file or directory"),
  });
});

test.each([
  ["         0          0 4294967295\n", Number.POSITIVE_INFINITY],
  ["         0       1001          1\n", 1],
  ["0 1001 1\n1 100000 65536\n", 65_537],
  ["0 100000 65536\n65536 1000 1\n", 65_537],
  ["1 100000 65536\n", 0],
  ["", Number.POSITIVE_INFINITY],
])("of the map %j there are %d ids", (map, ids) => expect(parseIds(map)).toBe(ids));
