import { beforeAll, describe, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";

// Another user of the machine, who knows all names and numbers, while an environment, a container and the API service run.
// Each attempt is made by the user, too, for whom it works: so it is the other's rights that it fails for.
const desk = useEnvironmentMachine();
const other = "1002";
const store = "/var/tmp/sought";
let at: { holder: string; directory: string; container: string };

beforeAll(async () => {
  await desk.output(`cd /tmp; enter --graph-root ${store} start
    enter --graph-root ${store} exec podman run --quiet --detach --name sought ${desk.image} sleep 1000
    printf '#!/bin/sh\\nexec sh /srv/nix/enter.sh --rootfs /srv/debian --graph-root ${store} exec podman "$@"\\n' >~/podman
    chmod +x ~/podman; chmod 755 ~`);
  const directory = await desk.output(`sed -n 2p ${store}/environment`);
  await desk.output(`sh /srv/nix/serve.sh start ${directory} ~/podman
    until curl --silent --fail --unix-socket ${directory}/podman.sock http://d/_ping; do sleep 0.1; done`);
  const [holder = "", container = ""] = (
    await desk.output(`cut -d ' ' -f 1 ${directory}/holder | head -n 1; pgrep -x sleep | tail -n 1`)
  ).split("\n");
  at = { holder, directory, container };
}, 300_000);

const both = async (script: string) => ({
  user: (await desk.sh(script, { cwd: "/tmp" })).code,
  other: await desk.sh(script, { user: other, cwd: "/tmp" }),
});

/** ptrace(2) by its number: PTRACE_SEIZE, which ends with the tracer. */
const trace = (pid: string) =>
  `perl -e 'syscall(${process.arch === "arm64" ? 117 : 101}, 0x4206, ${pid}, 0, 0) == 0 or die "$!\\n"'`;

describe("another user of the machine", () => {
  test.each<[string, () => string]>([
    ["list the image store", () => `ls ${store}`],
    ["read its images", () => `cat ${store}/overlay-images/images.json`],
    ["list the environment's directory", () => `ls ${at.directory}`],
    ["read what its holder is", () => `cat ${at.directory}/holder`],
    ["write its settings", () => `: >>${at.directory}/storage.conf`],
    ["take its lock", () => `flock --nonblock ${at.directory}/lock true`],
    [
      "talk to the API service",
      () => `curl --silent --show-error --fail --unix-socket ${at.directory}/podman.sock http://d/_ping`,
    ],
    ["see the environment's root", () => `ls /proc/${at.holder}/root/`],
    ["read a container's variables", () => `cat /proc/${at.container}/environ`],
    ["see a container's files", () => `ls -l /proc/${at.container}/fd/0`],
    ["read the holder's variables", () => `cat /proc/${at.holder}/environ`],
    ["read the holder's memory", () => `: </proc/${at.holder}/mem`],
    ["open the mount namespace", () => `: </proc/${at.holder}/ns/mnt`],
    ["join it", () => `nsenter --target ${at.holder} --user --mount --preserve-credentials true`],
    [
      "join its user namespace alone",
      () => `nsenter --target ${at.holder} --user --preserve-credentials true`,
    ],
    ["signal the holder", () => `kill -0 ${at.holder}`],
    ["stop a process of a container", () => `kill -CONT ${at.container}`],
    ["trace the holder", () => trace(at.holder)],
    [
      "use the environment by its store",
      () => `sh /srv/nix/enter.sh --rootfs /srv/debian --graph-root ${store} exec true`,
    ],
    [
      "use it by its directory",
      () => `sh /srv/nix/enter.sh --rootfs /srv/debian --graph-root ${store} --dir ${at.directory} exec true`,
    ],
  ])("cannot %s", async (_what, script) => {
    const tried = await both(script());
    expect({ user: tried.user, refused: tried.other.code !== 0, says: tried.other.stderr }).toEqual({
      user: 0,
      refused: true,
      says: expect.stringMatching(
        /denied|not permitted|[Cc]ould not connect|Couldn't connect|no range of 65536 ids/,
      ),
    });
    // The container and the service are still there.
    expect(await desk.output("~/podman ps --quiet | wc -l", { cwd: "/tmp" })).toBe("1");
  });
});

describe("root of a container", () => {
  const run = (words: string, script: string) =>
    desk.sh(`~/podman run --rm --quiet ${words} ${desk.image} sh -c '${script}'`, { cwd: "/tmp" });

  test("writes no file of the host's that is not mounted into it, nor by another's process", async () => {
    for (const script of [
      "echo x >/home/runner/written",
      `echo x >/proc/${at.holder}/root/tmp/written`,
      "mknod /tmp/disk b 7 0 && : </tmp/disk",
      "mount -t tmpfs none /mnt",
      ": >>/proc/sys/kernel/core_pattern",
      // Help, a text in the kernel's log, as a harmless one of its commands.
      "echo h >/proc/sysrq-trigger",
    ]) {
      expect({ script, code: (await run("", script)).code === 0 }).toEqual({ script, code: false });
    }
    expect(await desk.output("ls ~/written /tmp/written 2>/dev/null || echo none")).toBe("none");
  });

  test("has no more than the user has where the host is mounted into it, the processes too", async () => {
    const attempt = (script: string) => run("--privileged --pid host --volume /:/host", script);
    expect((await attempt("echo x >/host/home/runner/written")).code).toBe(0);
    expect(await desk.output("stat -c %U ~/written")).toBe("runner");
    for (const script of [
      ": >>/host/etc/passwd",
      "cat /host/etc/shadow",
      "ls /proc/1/root/",
      "kill -0 1",
      "chown 1:1 /host/etc/hostname",
      ": >>/proc/sys/kernel/core_pattern",
    ]) {
      expect({ script, code: (await attempt(script)).code === 0 }).toEqual({ script, code: false });
    }
  });

  test("a program of root's there that runs as its owner is nobody's outside", async () => {
    const plant =
      "cp /bin/busybox /w/su && chown 0:0 /w/su && chmod 4755 /w/su && cp /w/su /w/su2 && chown 7:7 /w/su2 && chmod 4755 /w/su2";
    await desk.output("mkdir -p -m 777 /tmp/w");
    expect((await run("--volume /tmp/w:/w", plant)).code).toBe(0);
    // It is the user's own, or a subordinate id's; never root's.
    expect(await desk.output("stat -c '%a %u' /tmp/w/su /tmp/w/su2")).toBe("4755 1001\n4755 100006");
  });
});
