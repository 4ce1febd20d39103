import { describe, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";
import { ROOTFS, SCRIPT } from "../support/world/environment.ts";

const desk = useEnvironmentMachine({ beside: ["forky"] });

/** FHS roots, with podman 5.4 and 5.8. */
const roots = [ROOTFS, "/srv/forky"];

/**
 * Runs a script of the user's in a machine that root's `before` has changed, for it alone. The environment is started
 * in it, and ended.
 */
async function within(
  before: string,
  rootfs: string,
  script: string,
  env: Record<string, string | undefined> = {},
) {
  const user = `enter() { sh ${SCRIPT} --rootfs ${rootfs} --graph-root /var/tmp/store-${rootfs.slice(5)} "$@"; }
    enter start; enter exec podman image exists ${desk.image} || enter exec podman pull --quiet ${desk.image} >/dev/null
    ${script}
    enter stop`;
  return desk.sh(
    `cd /; sudo --preserve-env unshare --mount --propagation private sh -c '${before}
      exec setpriv --reuid 1001 --regid 1001 --init-groups env HOME=/home/runner USER=runner PATH="$0" sh -c "$1"' "$PATH" "$user"`,
    { env: { image: desk.image, user, ...env } },
  );
}

const all = `printf 'FROM %s\\nRUN true\\n' $image >/tmp/Dockerfile
  enter exec podman info >/dev/null; enter exec podman ps >/dev/null
  enter exec podman run --rm $image echo works; enter exec podman run --detach --name one $image sleep 100 >/dev/null
  enter exec podman exec one echo works; enter exec podman rm --force --time 0 one >/dev/null
  enter exec podman build --quiet --no-cache /tmp >/dev/null
  enter exec podman system service --time 1 unix:///tmp/session.sock`;
const silent = { code: 0, stdout: "works\nworks\n", stderr: "" };

describe.each(roots)("no command of podman of %s warns", (rootfs) => {
  test.each<[string, string, Record<string, string | undefined>]>([
    ["a runtime directory", ":", {}],
    ["no XDG_RUNTIME_DIR", ":", { XDG_RUNTIME_DIR: undefined }],
    ["one that nobody may write to", ":", { XDG_RUNTIME_DIR: "/proc" }],
    ["another user's", "install -d -m 777 /run/user/0", { XDG_RUNTIME_DIR: "/run/user/0" }],
    ["a bus that is gone", ":", { DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1001/gone" }],
    [
      "a bus that nobody serves",
      'python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\\"/run/user/1001/bus\\")"; chown 1001 /run/user/1001/bus',
      { DBUS_SESSION_BUS_ADDRESS: "unix:path=/run/user/1001/bus" },
    ],
  ])("with %s", async (_, before, env) => {
    expect(await within(before, rootfs, all, env)).toMatchObject(silent);
    await desk.root("rm -rf /run/user/1001/bus /run/user/0");
  });
});

const controllers = `umount /sys/fs/cgroup; mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup; cd /sys/fs/cgroup
  for name in cpu memory pids; do mkdir $name; mount -t cgroup -o $name cgroup $name; done; cd /`;
const others = "chown root /sys/fs/cgroup /sys/fs/cgroup/cgroup.*";

describe("cgroups", () => {
  test.each([
    ["v2", "cgroup.procs", ":"],
    ["v2, another's", "cgroup.procs", others],
    ["v2, read-only", "cgroup.procs", "mount -o remount,bind,ro /sys/fs/cgroup"],
    [
      "v1 and v2",
      "cgroup.procs",
      `${controllers}; mkdir /sys/fs/cgroup/unified; mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified`,
    ],
    ["v1", "cgroup.procs", controllers],
    ["none", "cgroup.procs", "umount /sys/fs/cgroup"],
  ])("%s: podman runs, and sees v2 alone", async (_, file, before) => {
    const seen = `enter exec podman info --format "{{.Host.CgroupsVersion}} {{.Host.CgroupManager}}"; enter exec ls /sys/fs/cgroup/${file}`;
    for (const rootfs of roots) {
      const result = await within(before, rootfs, `${seen}; ${all}`);
      expect({ rootfs, ...result }).toMatchObject({
        ...silent,
        stdout: `v2 cgroupfs\n/sys/fs/cgroup/${file}\n${silent.stdout}`,
      });
    }
    await desk.root(
      "chown 1001 /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/cgroup.threads /sys/fs/cgroup/cgroup.subtree_control",
    );
  });

  test("a limit of a controller that is not there is refused in podman's words", async () => {
    const { stdout, stderr } = await within(
      ":",
      ROOTFS,
      "enter exec podman run --rm --memory 50m $image echo works || echo refused",
    );
    expect([stdout, stderr]).toEqual(["refused\n", expect.stringMatching(/^Error: .*memory/)]);
  });
});

test.each(roots)("without /dev/net/tun the network of podman of %s is the host's", async (rootfs) => {
  const script = `enter exec podman run --rm $image ls /sys/class/net | grep -c . >/tmp/inside
    ls /sys/class/net | grep -c . | diff - /tmp/inside
    ${all}; enter exec podman run --rm --network none $image ls /sys/class/net`;
  const result = await within("mount -t tmpfs tun /dev/net", rootfs, script);
  expect(result).toMatchObject({ ...silent, stdout: `${silent.stdout}lo\n` });
});
