import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "@jest/globals";
import type { ExecOptions } from "../support/machine/exec.ts";
import { useEnvironmentMachine } from "../support/world/desk.ts";

const desk = useEnvironmentMachine({ subordinateIds: "root:300000:65536" });

/** A job of root's, as in a container: its workspace, and a volume that the container was given. */
const WORKSPACE = "/opt/work";
const VOLUME = "/volume";

const sh = (script: string, options: ExecOptions = {}) =>
  desk.sh(script, {
    user: "root",
    cwd: WORKSPACE,
    ...options,
    env: { XDG_RUNTIME_DIR: undefined, image: desk.image, ...options.env },
  });
const output = async (script: string, options: ExecOptions = {}) => {
  const result = await sh(`set -e; ${script}`, options);
  expect({ script, ...result }).toMatchObject({ code: 0, stderr: "" });
  return result.stdout.trim();
};
const run = "enter exec podman run --rm --quiet";
const hostMounts = () => readFileSync(`/proc/${desk.machine.pid}/mounts`, "utf8");
let mountsBefore: string;

beforeAll(async () => {
  await desk.root(`cd /sys/fs/cgroup; chown root . cgroup.procs cgroup.threads cgroup.subtree_control
    mkdir -p ${WORKSPACE} ${VOLUME} /opt/other /root/.config /home/runner/.config; cp -r /home/runner/.config/containers /root/.config
    mount -t tmpfs volume ${VOLUME}; echo theirs >/opt/other/file
    mknod /dev/vda b 254 0; mknod /dev/open c 1 3; chmod 666 /dev/open`);
  mountsBefore = hostMounts();
  await output("enter start");
});
describe("podman works", () => {
  test.each([
    ["", "id -u", "0"],
    ["--user 5", "id -u", "5"],
    ["--userns keep-id", "id -u", "0"],
    ["--userns auto:size=1024", "awk '{ print $3 }' /proc/self/uid_map", "1024"],
    ["--privileged", "id -u", "0"],
    ["--network host", "id -u", "0"],
    ["--network none", "ls /sys/class/net", "lo"],
    ["--publish 127.0.0.1::80", "echo published", "published"],
    ["--device /dev/fuse", "ls /dev/fuse", "/dev/fuse"],
    ["--privileged", "ls -d /dev/vda /dev/loop0 || echo none", "none"],
  ])("run %s: %s", async (options, command, expected) => {
    const { code, stdout } = await sh(`${run} ${options} $image sh -c "${command.replaceAll("$", "\\$")}"`);
    expect([code, stdout.trim()]).toEqual([0, expected]);
  });

  test("networks, builds, and segments' own tools", async () => {
    await output("enter exec podman network create inner >/dev/null");
    expect(await output(`${run} --network inner $image ls /sys/class/net`)).toBe("eth0\nlo");
    await output("enter exec podman network rm inner >/dev/null");
    await output("printf 'FROM %s\\nRUN id >/made\\n' $image >Dockerfile");
    for (const isolation of ["oci", "chroot"]) {
      await output(
        `enter exec podman build --quiet --no-cache --isolation ${isolation} --tag built . >/dev/null`,
      );
      expect(await output(`${run} built cat /made`)).toContain("uid=0(root)");
    }
  });

  test.each(["/root", "/tmp", "/var/tmp", VOLUME, WORKSPACE])(
    "%s can be written to, as root",
    async (directory) => {
      await output(
        `mkdir ${directory}/out; ${run} --volume ${directory}/out:/out $image sh -c 'touch /out/a /out/b; chown 1 /out/b'`,
      );
      expect(await output(`stat --format %u ${directory}/out/a ${directory}/out/b`)).toBe("0\n300000");
      await output(`enter exec rm -r ${directory}/out`);
    },
  );

  test("what GITHUB_WORKSPACE and RUNNER_TEMP name can be written to", async () => {
    const env = { GITHUB_WORKSPACE: "/opt/repository", RUNNER_TEMP: "/opt/temp" };
    const second = "enter --graph-root /var/tmp/second";
    await output(
      `mkdir /opt/repository /opt/temp; ${second} exec touch /opt/repository/a /opt/temp/b; ${second} stop`,
      {
        env,
      },
    );
    expect(await output("ls /opt/repository /opt/temp")).toBe("/opt/repository:\na\n\n/opt/temp:\nb");
  });
});

describe("root is nobody outside", () => {
  const refused = async (script: string, reason: RegExp) => {
    const { code, stdout, stderr } = await sh(`enter exec sh -c '${script}'`);
    expect([code === 0, stdout]).toEqual([false, ""]);
    expect(stderr).toMatch(reason);
  };

  test.each([
    "/etc/hosts",
    "/.host-etc/new",
    "/opt/other/file",
    "/opt/new",
    "/var/new",
    "/srv/new",
    "/boot/new",
    "/usr/lib/os-release",
    "/proc/sys/kernel/panic",
    "/proc/sys/vm/swappiness",
    "/proc/sys/fs/file-max",
    "/sys/kernel/mm/ksm/run",
  ])("no write to %s", (file) => refused(`: >>${file}`, /Read-only file system/));

  test.each(["/opt", "/boot", "/usr/bin", "/proc/sys", "/sys", "/.host-etc"])(
    "%s stays read-only",
    async (directory) => {
      await refused(`mount -o remount,bind,rw ${directory}`, /permission denied|not mounted|not mount point/);
      await refused(
        `umount ${directory}`,
        /not mounted|not permitted|must be superuser|Invalid|target is busy/,
      );
      // Nor in a namespace of one's own, by covering, or from a container.
      await refused(
        `unshare --mount sh -c "mount -o remount,bind,rw ${directory}"`,
        /permission denied|not mounted|not mount point/,
      );
      await sh(
        `${run} --privileged --volume ${directory}:/theirs $image sh -c 'mount -o remount,bind,rw /theirs; touch /theirs/new'`,
      );
      expect(await output(`enter exec find ${directory} -maxdepth 1 -name new`)).toBe("");
    },
  );

  test("the whole /proc and /sys are out of reach", async () => {
    await refused("umount -l /.whole", /not mounted|not permitted|Invalid/);
    expect(await output("enter exec sh -c 'ls -A /.whole; ls -A /host'")).toBe("");
    await refused("mount --move /.whole /mnt", /wrong fs|denied|not permitted|bad option|Invalid/);
  });

  test("no mount reaches the machine, and none of its disks can be mounted", async () => {
    await output("enter exec sh -c 'mount -t tmpfs inside /mnt && mount --rbind /tmp /home'");
    expect(hostMounts()).toBe(mountsBefore);
    await output("enter exec sh -c 'umount /mnt; umount -l /home'");
    await refused("mknod /tmp/vda b 254 0", /Operation not permitted/);
    await refused("mount -t ext4 /dev/vda /mnt", /does not exist|denied|not a block device/);
    await output("mknod /root/vda b 254 0");
    await refused("mount -t ext4 /root/vda /mnt; cat /root/vda", /denied|not permitted|No such device/);
    await output("rm /root/vda");
  });

  test("devices: those that any user may open, and what podman needs", async () => {
    // Not by find, which takes a bound node for the file that it is bound over.
    const nodes = await output(`enter exec bash -O globstar -c 'for path in /dev/**; do
      if [ -b "$path" ] || { [ -c "$path" ] && [ ! -h "$path" ] && [ "${"$"}{path#/dev/pts}" = "$path" ]; }; then echo "$path"; fi
    done'`);
    expect(nodes.split("\n")).toEqual(
      ["full", "fuse", "net/tun", "null", "open", "random", "tty", "urandom", "zero"].map(
        (name) => `/dev/${name}`,
      ),
    );
    await refused("mknod /dev/new c 1 3", /Operation not permitted/);
  });

  test("no module of the kernel", async () => {
    await output("head -c 4096 /dev/zero >/tmp/a.ko");
    const { code, stderr } = await sh(`${run} --privileged --volume /tmp:/host $image insmod /host/a.ko`);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/not permitted|does not support/); // a kernel may have no modules at all
  });

  test("processes of root's outside cannot be looked into", async () => {
    await refused("cat /proc/1/environ", /Permission denied/);
    await refused("ls /proc/1/root/", /Permission denied/);
    await refused("nsenter --target 1 --mount true", /not permitted|Permission denied/);
  });

  // The limit: the kernel lets its own uid 0 write where it has no capability for it, and podman needs a fresh /proc.
  test("but a privileged container can set what the kernel gives to uid 0", async () => {
    const { code } = await sh(`${run} --privileged $image sh -c ': >>/proc/sys/kernel/panic'`);
    expect(code).toBe(0);
    expect((await sh(`${run} $image sh -c ': >>/proc/sys/kernel/panic'`)).code).not.toBe(0);
  });
});

test("maps are written by root itself", async () => {
  await desk.root("chmod 0 /usr/bin/newuidmap /usr/bin/newgidmap");
  const other = "enter --graph-root /var/tmp/third --ids 400000:500000";
  expect(
    await output(
      `${other} exec touch /tmp/mine; ${other} exec chown 1:1 /tmp/mine; stat --format '%u %g' /tmp/mine; ${other} stop`,
    ),
  ).toBe("400000 500000");
  await desk.root("chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap");
});

test("stop leaves nothing", async () => {
  await output("enter stop");
  expect(hostMounts()).toBe(mountsBefore);
  expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
});
