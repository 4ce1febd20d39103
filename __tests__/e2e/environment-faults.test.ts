import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";

const desk = useEnvironmentMachine();
const { sh, output } = desk;

afterEach(async () => {
  await output("enter stop");
  // A sudo that started the holder ends a moment after it.
  const others = () => desk.machine.processes().filter(({ name }) => name !== "catatonit");
  for (let tries = 0; tries < 50 && others().length > 0; tries++) await setTimeout(50);
  expect(others()).toEqual([]);
});

/** Runs a script as root, then the test, then another to undo it. */
async function during(wrong: string, right: string, run: () => Promise<void>): Promise<void> {
  await desk.root(wrong);
  try {
    await run();
  } finally {
    await desk.root(right);
  }
}

const say = (text: string) => text.replace(/^(?=.)/gm, "podman-rootless: ");
const didNotStart =
  "the environment did not start (rootfs /srv/debian, state in /run/user/1001/podman-rootless/2288783682)\n";

describe("a command line that is wrong", () => {
  test.each([
    ["--rootfs /nowhere start", "no FHS root at '/nowhere' (it has no usr/bin): give one with --rootfs"],
    ["--rootfs '' start", "no FHS root at '' (it has no usr/bin): give one with --rootfs"],
    ["--driver btrfs start", "unknown storage driver 'btrfs'. Expected fuse-overlayfs, overlay or vfs."],
    ["--colour start", "unknown option --colour; see --help"],
    ["--dir", "--dir needs a value; see --help"],
    ["restart", "unknown command 'restart'; see --help"],
  ])("%s", async (words, message) => {
    expect(await sh(`enter ${words}`)).toMatchObject({ code: 125, stdout: "", stderr: say(`${message}\n`) });
  });

  test("none at all, and --help", async () => {
    const { stdout } = await sh("enter --help");
    expect(stdout).toMatch(/^Usage: enter\.sh \[OPTIONS\] COMMAND\n/);
    expect(await sh("enter")).toMatchObject({ code: 125, stdout: "", stderr: stdout });
  });
});

describe("subordinate ids", () => {
  test.each(["subuid", "subgid"])("none in /etc/%s", async (file) => {
    const restore = `cp -p /etc/${file} /tmp/kept && echo other:100000:65536 >/etc/${file} && echo runner:9:65535 >>/etc/${file}`;
    await during(restore, `cp -p /tmp/kept /etc/${file}`, async () => {
      expect(await sh("enter exec true")).toMatchObject({
        code: 125,
        stdout: "",
        stderr: say(
          `no range of 65536 ids for runner in /etc/${file}; add one: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner\n${didNotStart}`,
        ),
      });
      expect((await sh("enter status")).code).toBe(3);
    });
    expect(await output("enter exec echo works")).toBe("works");
  });

  test("by number, and a range that is larger", async () => {
    const change = "cp -p /etc/subuid /tmp/kept && echo 1001:200000:70000 >/etc/subuid";
    await during(change, "cp -p /tmp/kept /etc/subuid", async () => {
      expect((await output("enter exec cat /proc/self/uid_map")).split(/\s+/)).toEqual(
        "0 1001 1 1 200000 65536".split(" "),
      );
    });
  });
});

describe("newuidmap and newgidmap", () => {
  const hide = "chmod 0 /usr/bin/newuidmap /usr/bin/newgidmap";
  const show = "chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap";

  test("missing: root writes the maps through sudo, where that is said", () =>
    during(hide, show, async () => {
      expect(await sh("enter exec true")).toMatchObject({ code: 125 });
      const maps = await output("enter --sudo exec cat /proc/self/uid_map /proc/self/gid_map");
      expect(maps.split(/\s+/)).toEqual("0 1001 1 1 100000 65536 0 1001 1 1 100000 65536".split(" "));
      expect(await output(`enter exec podman run --rm --quiet ${desk.image} echo works`)).toBe("works");
    }));

  test("missing, and no sudo", () =>
    during(`${hide} /usr/bin/sudo`, `${show} /usr/bin/sudo`, async () => {
      const { code, stderr } = await sh("enter --sudo exec true");
      expect(code).toBe(125);
      expect(stderr).toMatch(
        /^podman-rootless: cannot write the uid map: .*newuidmap: Permission denied\. Install the package uidmap \(Fedora: shadow-utils\) with its newuidmap setuid root, or allow sudo without a password, and give --sudo\.\n/,
      );
      expect(stderr.endsWith(say(didNotStart))).toBe(true);
    }));
});

describe("the runtime directory", () => {
  const print = "exec sh -c 'echo $XDG_RUNTIME_DIR $CONTAINERS_STORAGE_CONF'";
  const below = (directory: string) =>
    expect.stringMatching(`^${directory} ${directory}/podman-rootless/\\d+/storage.conf$`);

  test("unset: the session's", async () => {
    expect(await output(`enter ${print}`, { env: { XDG_RUNTIME_DIR: undefined } })).toEqual(
      below("/run/user/1001"),
    );
    expect(await output(`enter ${print}`)).toEqual(below("/run/user/1001"));
  });

  test.each([
    ["missing", "/nowhere"],
    ["not to be written to", "/srv"],
    ["for everybody", "/var/tmp"],
  ])("%s: one in /tmp", async (name, XDG_RUNTIME_DIR) => {
    await during("mv /run/user/1001 /run/user/gone", "mv /run/user/gone /run/user/1001", async () => {
      const env = { XDG_RUNTIME_DIR };
      const enter = `enter --graph-root '/var/tmp/${name}'`;
      expect(await output(`${enter} ${print}`, { env })).toEqual(below("/tmp/podman-rootless-1001"));
      expect(await output("stat --format '%a %U' /tmp/podman-rootless-1001")).toBe("700 runner");
      expect(await output(`${enter} exec podman run --rm --quiet ${desk.image} echo works`, { env })).toBe(
        "works",
      );
      await output(`${enter} stop`, { env });
    });
  });

  test("another than before: what runs is found, and a directory that was given is kept", async () => {
    const enter = "enter --graph-root /var/tmp/third";
    const [other, session] = [{ XDG_RUNTIME_DIR: "/tmp/other" }, { XDG_RUNTIME_DIR: undefined }];
    await output(`mkdir -p /tmp/other; ${enter} start`, { env: other });
    expect(await output(`${enter} ${print}; ${enter} stop`)).toEqual(below("/tmp/other"));
    // Unset, it stays where podman's database has it.
    expect(await output(`${enter} ${print}; ${enter} stop`, { env: session })).toEqual(below("/tmp/other"));
    expect(await output(`${enter} --dir /tmp/given ${print}; ${enter} ${print}; ${enter} stop`)).toBe(
      "/run/user/1001 /tmp/given/storage.conf\n/run/user/1001 /tmp/given/storage.conf",
    );
  });

  test("made by somebody else: not used", () =>
    during(
      "mv /run/user/1001 /run/user/gone; rm -rf /tmp/podman-rootless-1001; mkdir -m 777 /tmp/podman-rootless-1001",
      "mv /run/user/gone /run/user/1001; rm -r /tmp/podman-rootless-1001",
      async () => {
        expect(await sh("enter --graph-root /var/tmp/fourth exec true")).toMatchObject({
          code: 125,
          stderr: say("/tmp/podman-rootless-1001 belongs to another user; remove it or give another --dir\n"),
        });
      },
    ));

  test("a directory that cannot be made", async () => {
    const { code, stderr } = await sh("enter --graph-root /proc/store start");
    expect(code).toBe(125);
    expect(stderr).toMatch(
      /^mkdir: .*\/proc\/store.*\npodman-rootless: cannot make the directories above\n$/,
    );
  });
});

describe("what a machine may lack or forbid", () => {
  const hidePivotRoot = "mv /usr/sbin/pivot_root /usr/sbin/hidden";
  const showPivotRoot = "mv /usr/sbin/hidden /usr/sbin/pivot_root";
  const inRootfs = "/srv/debian/usr/sbin/pivot_root";

  // The kernel lets nobody mount a whole /proc who sees one with parts covered only, as containers do.
  const mountProc = () => `enter exec podman run --rm --quiet ${desk.image} \
    unshare --user --map-root-user --mount --pid --fork mount -t proc proc /proc`;

  test("pivot_root: the rootfs's own is used", () =>
    during(hidePivotRoot, showPivotRoot, async () => {
      expect(await output("enter exec unshare --user --map-root-user --mount echo nested")).toBe("nested");
      expect(await sh(mountProc())).toMatchObject({ code: 1, stderr: expect.stringContaining("denied") });
    }));

  test("pivot_root, and the rootfs has none", () =>
    during(
      `${hidePivotRoot}; mount --bind /dev/null ${inRootfs}`,
      `umount ${inRootfs}; ${showPivotRoot}`,
      async () => {
        expect(await output("enter exec unshare --user --map-root-user --mount echo nested")).toBe("nested");
        const run = `enter exec podman run --rm --quiet --userns keep-id ${desk.image} id -u`;
        expect(await output(run)).toBe("1001");
        expect(await output("enter exec ls /srv/nix/enter.sh")).toBe("/srv/nix/enter.sh");
        expect((await sh(mountProc())).code).toBe(0);
      },
    ));

  test("a program that is needed", () =>
    during("chmod 0 /usr/bin/unshare", "chmod 755 /usr/bin/unshare", async () => {
      const { code, stderr } = await sh("enter start");
      expect(code).toBe(125);
      expect(stderr).toContain("unshare: ");
      expect(stderr.endsWith(say(didNotStart))).toBe(true);
    }));

  // The kernel here has no AppArmor: this shows that the way around it leads to the same environment.
  test("user namespaces for programs without an AppArmor profile", async () => {
    const kernel = "/proc/sys/kernel";
    const restrict = `mkdir -p /run/kernel/random; cd ${kernel}
      cp cap_last_cap ngroups_max overflowuid overflowgid /run/kernel; cp random/boot_id /run/kernel/random
      echo 1 >/run/kernel/apparmor_restrict_unprivileged_userns; mount --bind /run/kernel ${kernel}`;
    await during(restrict, `umount ${kernel}`, async () => {
      const env = { RUNNER_TRACKING_ID: "github_1" };
      const map = await output("enter --sudo exec cat /proc/self/uid_map", { env });
      expect(map.split(/\s+/)).toEqual("0 1001 1 1 100000 65536".split(" "));
      expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit", "sudo", "sleep"]);
      const holder = (await output("tr '\\0' '\\n' </proc/$(pidof sleep)/environ")).split("\n");
      expect(holder).toContain("RUNNER_TRACKING_ID=github_1");
    });
    // podman could not mount its proc over one that is covered.
    const run = `enter exec podman run --rm --quiet --userns keep-id ${desk.image} id -u`;
    expect(await output(run)).toBe("1001");
    expect(await output("flock --nonblock /run/user/1001/podman-rootless/*/lock echo free")).toBe("free");
  });
});
