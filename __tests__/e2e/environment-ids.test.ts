import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";

const desk = useEnvironmentMachine();
const { sh, output, root } = desk;

const HUGE = 2_000_000;
const NAMELESS = 1234;
const words = (text: string) => text.trim().split(/\s+/).join(" ");

beforeAll(async () => {
  await root(`echo 'huge:x:${HUGE}:${HUGE}::/var/tmp/${HUGE}:/bin/sh' >>/etc/passwd
    echo 'huge:*:20000:0:99999:7:::' >>/etc/shadow
    echo 'huge ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/huge
    for uid in ${HUGE} ${NAMELESS}; do install -d -o $uid -g $uid /var/tmp/$uid; done`);
});
afterEach(async () => {
  await output("enter stop");
  expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
});

/** Runs a script by a uid that nobody logged in as: HOME and PATH are all that is set. */
const as = (uid: number, script: string) =>
  sh(
    `sudo setpriv --reuid ${uid} --regid ${uid} --clear-groups env -C /tmp -i HOME=/var/tmp/${uid} PATH=$PATH \
    image=${desk.image} sh -c "$script"`,
    { env: { script } },
  );

/** In a new store: an image's files belong to the ids of the environment that pulled it. */
const inStore = (name: string, script: string, driver = "fuse-overlayfs") =>
  `enter() { command enter --graph-root /var/tmp/${name} --driver ${driver} "$@"; }
  ${script}; enter stop`;
const podman = (options: string, command: string) =>
  `podman run --rm --quiet --tls-verify=false ${options} ${desk.image} ${command}`;

describe("--ids", () => {
  test("UIDSTART:GIDSTART: these and no others, and podman finds them by itself", async () => {
    const script = `enter --sudo --ids 400000:500000 start
      enter exec cat /proc/self/uid_map /proc/self/gid_map /etc/subuid /etc/subgid
      enter exec ${podman("--userns keep-id", "id -u")}`;
    expect(words(await output(inStore("forced", script)))).toBe(
      "0 1001 1 1 400000 65536 0 1001 1 1 500000 65536 runner:400000:65536 runner:500000:65536 1001",
    );
  });

  test("PODMAN_ROOTLESS_IDS is the same", async () => {
    const env = { PODMAN_ROOTLESS_IDS: "100000:100000" };
    expect(
      words(
        await output(
          "enter exec cat /proc/self/uid_map; enter exec printenv | grep -c ROOTLESS_IDS || true",
          { env },
        ),
      ),
    ).toBe("0 1001 1 1 100000 65536 0");
  });

  // An image's ids cannot be shifted when there is one: keep-id needs a driver that shifts them while it runs.
  test.each([
    ["fuse-overlayfs", "--userns keep-id", "1001"],
    ["vfs", "", "0"],
  ])("single, with %s: the user's own id alone", async (driver, options, id) => {
    const script = `enter --ids single start
      enter exec cat /proc/self/uid_map /proc/self/gid_map /etc/subuid /etc/subgid
      enter exec ${podman("", "id -u")}; enter exec ${podman(options, "id -u")}`;
    const result = await sh(inStore(driver, script, driver));
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(words(result.stdout)).toBe(`0 1001 1 0 1001 1 0 ${id}`);
  });

  test.each(["5", "1:", ":1", "a:4", "1:2:3", "x", "-1:5"])("%s is none", async (ids) => {
    expect(await sh(`enter --ids ${ids} start`)).toMatchObject({
      code: 125,
      stderr: `podman-rootless: unknown subordinate ids '${ids}'. Expected auto, single or UIDSTART:GIDSTART.\n`,
    });
  });

  test("auto: of the source that nsswitch.conf names, where /etc/subuid has none", async () => {
    // In place of a directory service's answer; newuidmap has no such source here, so root writes the maps.
    await root(`printf 'passwd: files\\nsubid: directory\\n' >/etc/nsswitch.conf
      printf '#!/bin/sh\\n[ "$1" != -g ] || { shift; gid=1; }\\necho "0: $1 9 100"; echo "1: $1 \${gid:-6}00000 70000"\\n' >/usr/local/bin/getsubids
      chmod +x /usr/local/bin/getsubids`);
    try {
      const script = `enter --sudo start; enter exec cat /proc/self/uid_map /etc/subuid /etc/subgid /etc/nsswitch.conf
        enter exec ${podman("--userns keep-id", "id -u")}`;
      expect(words(await output(inStore("directory", script)))).toBe(
        "0 1001 1 1 600000 65536 runner:600000:65536 runner:100000:65536 passwd: files 1001",
      );
    } finally {
      await root("rm /etc/nsswitch.conf /usr/local/bin/getsubids");
    }
  });
});

describe("a uid", () => {
  test("of 2,000,000", async () => {
    const run = `enter --sudo --ids 300000:300000 exec ${podman("", "id -u")}; enter exec ${podman("--userns keep-id", "id -u")}
      enter exec cat /proc/self/uid_map; enter stop`;
    const result = await as(HUGE, run);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(words(result.stdout)).toBe(`0 ${HUGE} 0 ${HUGE} 1 1 300000 65536`);
  });

  test("that has no name: works by itself alone", async () => {
    const run = `enter --ids single exec ${podman("", "id -u")}; enter exec ${podman("--userns keep-id", "id -un")}; enter stop`;
    expect(await as(NAMELESS, run)).toMatchObject({ code: 0, stdout: `0\nuser${NAMELESS}\n`, stderr: "" });
  });

  test("that has no name: newuidmap and sudo refuse it", async () => {
    const { code, stderr } = await as(NAMELESS, "enter --sudo --ids 300000:300000 start");
    expect(code).toBe(125);
    expect(stderr).toMatch(
      /^podman-rootless: cannot write the uid map: uid 1234 has no name, which newuidmap and sudo ask for\. Add it to \/etc\/passwd, or give --ids single\.\n/,
    );
    const auto = await as(NAMELESS, "enter --sudo start");
    expect(auto.stderr).toContain(
      "podman-rootless: no range of 65536 ids for 1234 in /etc/subuid; add one: ",
    );
  });
});

describe("newuidmap and newgidmap without setuid", () => {
  const without = async (mode: string, run: () => Promise<void>) => {
    await root(`chmod ${mode} /usr/bin/newuidmap /usr/bin/newgidmap`);
    try {
      await run();
    } finally {
      await root("chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap");
    }
  };

  test.each(["755", "0"])("mode %s: root writes the maps, or the package is named", async (mode) => {
    await without(mode, async () => {
      const { code, stderr } = await sh("enter start");
      expect(code).toBe(125);
      expect(stderr).toMatch(
        /^podman-rootless: cannot write the uid map: .*newuidmap: .*\. Install the package uidmap \(Fedora: shadow-utils\) with its newuidmap setuid root, or allow sudo without a password, and give --sudo\.\n/,
      );
      expect(words(await output("enter --sudo exec cat /proc/self/gid_map"))).toBe("0 1001 1 1 100000 65536");
    });
  });
});

describe("--tools", () => {
  test("unshare and nsenter are those, and sudo is not needed for AppArmor", async () => {
    const tools = "/tmp/with profile";
    await output(`mkdir -p '${tools}'; for name in unshare nsenter; do
      printf '#!/bin/sh\\necho %s >>/tmp/used; exec /usr/bin/%s "$@"\\n' $name $name >"${tools}/$name"; chmod +x "${tools}/$name"
    done`);
    const kernel = "/proc/sys/kernel";
    await root(`mkdir -p /run/kernel/random; cd ${kernel}
      cp cap_last_cap ngroups_max overflowuid overflowgid /run/kernel; cp random/boot_id /run/kernel/random
      echo 1 >/run/kernel/apparmor_restrict_unprivileged_userns; mount --bind /run/kernel ${kernel}`);
    try {
      await output(`enter --sudo --tools '${tools}' start; enter --tools '${tools}' exec true`);
      expect(await output("cat /tmp/used")).toBe("unshare\nunshare\nnsenter");
      expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit", "sleep"]);
    } finally {
      await root(`umount ${kernel}`);
    }
  });
});
