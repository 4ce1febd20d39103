import { expect, test } from "@jest/globals";
import { modeOf, ownDirectory } from "../../../src/runner/read/cgroups.ts";
import { isChroot, mountOf, parseMounts } from "../../../src/runner/read/mounts.ts";

const hosted = parseMounts(`24 31 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
31 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,discard,errors=remount-ro
33 24 0:28 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
80 31 8:17 /data /mnt/with\\040blank ro,nosuid,relatime shared:40 master:1 - ext4 /dev/sdb1 rw
81 31 0:50 / /mnt/super rw,relatime - tmpfs tmpfs ro,size=1k
82 31 0:51 / /mnt/super rw,relatime - xfs none rw
`);

const hybrid = parseMounts(`27 1 254:0 / / rw,noatime - ext4 /dev/vda rw
31 27 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`);

const v1 = parseMounts(`27 1 254:0 / / rw - ext4 /dev/vda rw
31 27 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct
`);

// A container of docker's, without a cgroup namespace.
const container = parseMounts(`700 600 0:60 / / rw,relatime - overlay overlay rw,lowerdir=/a:/b
701 700 0:28 /docker/0123 /sys/fs/cgroup ro,nosuid,nodev,noexec - cgroup2 cgroup rw
`);

test("a path is on the mount that covers it", () => {
  expect(mountOf(hosted, "/mnt/with blank/x")).toEqual({
    id: 80,
    root: "/data",
    point: "/mnt/with blank",
    options: ["ro", "nosuid", "relatime", "rw"],
    type: "ext4",
  });
  expect(mountOf(hosted, "/mnt/with blanks")?.point).toBe("/");
  expect(mountOf(hosted, "/mnt/super")?.type).toBe("xfs");
  expect(mountOf(hosted.slice(0, -1), "/mnt/super/a")?.options).toContain("ro");
  expect(mountOf(hosted, "/")?.id).toBe(31);
  expect(mountOf([], "/")).toBeUndefined();
});

test.each([
  ["a hosted runner", hosted, "v2"],
  ["a machine of both", hybrid, "hybrid"],
  ["an old machine", v1, "v1"],
  ["a container", container, "v2"],
  ["a container without", container.slice(0, 1), "none"],
])("cgroups of %s", (_, mounts, mode) => expect(modeOf(mounts)).toBe(mode));

test.each([
  ["a service", "0::/system.slice/runner.service\n", hosted, "/sys/fs/cgroup/system.slice/runner.service"],
  ["a namespace", "0::/\n", hosted, "/sys/fs/cgroup"],
  ["both", "1:cpu:/\n0::/a\n", hybrid, "/sys/fs/cgroup/unified/a"],
  ["v1", "1:cpu:/a\n", v1, undefined],
  ["a container", "0::/docker/0123\n", container, "/sys/fs/cgroup"],
  ["a process in it", "0::/docker/0123/init\n", container, "/sys/fs/cgroup/init"],
  ["a process beside it", "0::/docker/01234\n", container, undefined],
  ["a process above its namespace", "0::/../x\n", hosted, undefined],
])("the own cgroup of %s", (_, cgroup, mounts, directory) =>
  expect(ownDirectory(cgroup, mounts)).toBe(directory),
);

const jail = parseMounts(`90 31 0:5 / /proc rw - proc proc rw\n`);
const jailMount = parseMounts(`95 31 8:1 /jail / rw - ext4 /dev/root rw\n`);
const outside = parseMounts(
  `31 1 8:1 / / rw - ext4 /dev/root rw\n95 31 8:1 /jail /srv/jail rw - ext4 /dev/root rw\n`,
);

test.each([
  ["a machine", hosted, hosted, false],
  ["a container", container, hosted, false],
  ["a machine whose first process cannot be seen", hosted, undefined, false],
  ["a root that is no mount point", jail, undefined, true],
  ["a root that the first process has elsewhere", jailMount, outside, true],
  ["a first process in the same", jailMount, jailMount, false],
])("%s", (_, own, first, chroot) => expect(isChroot(own, first)).toBe(chroot));
