import { afterEach, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";

// The user has no runtime directory, as a service's user: then it is one in /tmp, where everybody can make files. Another
// user of the machine has been there first, and knows the names.
const desk = useEnvironmentMachine();
const other = "1002";
const top = "/tmp/podman-rootless-1001";
const store = "/var/tmp/sought";
const env = { XDG_RUNTIME_DIR: undefined };
const evil = "/tmp/evil-was-run";

const attack = (script: string) => desk.output(script, { user: other, cwd: "/tmp" });
const enter = (words: string) => desk.sh(`cd /tmp; enter --graph-root ${store} ${words}`, { env });
const asRoot = (script: string) => desk.root(script);

/** What cksum says of the store's path, which is where enter.sh looks. */
const directory = `${top}/podman-rootless/$(printf %s ${store} | cksum | cut -d ' ' -f 1)`;

/** Files of an environment that lives, as far as they say, in another's directory: its holder is any process of the user. */
const plant = (to: string) => `
  umask 022; mkdir -p ${to}; cd ${to}
  pid=$(pgrep -u 1001 -x sleep)
  set -- $(sed 's/.*) //' /proc/$pid/stat); shift 19
  echo "$pid $1 $(cat /proc/sys/kernel/random/boot_id) 1001 1001 user:[4026531837] ${top}" >holder
  echo "fuse-overlayfs on /srv/debian" >>holder; echo >>holder
  printf '[storage]\\ndriver = "overlay"\\n[storage.options.overlay]\\nmount_program = "/tmp/evil"\\n' >storage.conf
  printf '#!/bin/sh\\nid -u >${evil}\\nexit 1\\n' >/tmp/evil; chmod 755 /tmp/evil
  ln -s /home/runner/precious lock`;

/** During it a process of the user's runs, as the runner's own program does. */
const during = async (test: () => Promise<void>) => {
  await asRoot("mv /run/user/1001 /run/user/gone");
  await desk.output("echo precious >~/precious; setsid sleep 1000 >/dev/null 2>&1 </dev/null &");
  try {
    await test();
  } finally {
    await asRoot(
      `mv /run/user/gone /run/user/1001; rm -rf ${top} ${store} /tmp/evil ${evil} /tmp/bait; pkill -u 1001 -x sleep || :`,
    );
  }
};

const refused = (path: string) => ({
  code: 125,
  stdout: "",
  stderr: `podman-rootless: ${path} belongs to another user; remove it or give another --dir\n`,
});

afterEach(async () => {
  expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
});

/** Nothing of the other user's has been run, and nothing of the user's is harmed. */
const unharmed = async () => {
  expect(
    await desk.output(`cat ~/precious; ls ${evil} 2>/dev/null || echo not run; pgrep -c -u 1001 -x sleep`),
  ).toBe("precious\nnot run\n1");
};

test.each(["755", "777"])("a whole environment of mode %s: nothing of it is believed", (mode) =>
  during(async () => {
    await attack(`${plant(directory)}; chmod ${mode} ${top} ${top}/podman-rootless .`);
    expect((await enter("status")).code).toBe(3);
    expect(await enter("exec podman info")).toMatchObject(refused(top));
    expect(await enter("start")).toMatchObject(refused(top));
    expect(await enter("stop")).toMatchObject({ code: 0, stderr: "" });
    expect(await enter("erase")).toMatchObject({ code: 0, stderr: "" });
    expect(await attack(`ls ${top} ${directory}`)).not.toMatch(/^root$/m);
    await unharmed();
  }),
);

test("a link to a directory of the user's, to be turned to another later", () =>
  during(async () => {
    await desk.output("mkdir -p /tmp/bait");
    await attack(`ln -s /tmp/bait ${top}`);
    expect(await enter("exec podman info")).toMatchObject(refused(top));
    expect(await desk.output("ls -A /tmp/bait")).toBe("");
    await asRoot(`rm ${top}`);
    await attack(`ln -s /tmp/bait2 ${top}; ${plant("/tmp/bait2/podman-rootless/x")}`);
    expect(await enter(`--dir ${top}/podman-rootless/x exec podman info`)).toMatchObject(refused(top));
    await unharmed();
    await asRoot("rm -rf /tmp/bait2");
  }));

test("a file, and a link that leads nowhere: an error, and nothing is made there", () =>
  during(async () => {
    await attack(`ln -s /home/runner/made ${top}`);
    expect(await enter("start")).toMatchObject({ code: 125, stderr: expect.stringContaining("cannot make") });
    expect(await desk.output("ls ~")).not.toContain("made");
    await asRoot(`rm ${top}`);
    await attack(`: >${top}`);
    expect(await enter("start")).toMatchObject({ code: 125, stderr: expect.stringContaining("cannot make") });
    await unharmed();
  }));

test("who comes second can neither look into the directory nor replace it", () =>
  during(async () => {
    expect(await enter("start")).toMatchObject({ code: 0 });
    expect(await desk.output(`stat -c '%a %U' ${top} ${top}/podman-rootless ${directory} ${store}`)).toBe(
      Array(4).fill("700 runner").join("\n"),
    );
    for (const words of [
      `ls ${top}`,
      `mv ${top} /tmp/bait`,
      `ln -sfn /tmp ${top}/podman-rootless`,
      `rm -r ${top}`,
    ]) {
      const { code, stderr } = await desk.sh(words, { user: other, cwd: "/tmp" });
      expect({ words, code: code === 0, stderr }).toEqual({
        words,
        code: false,
        stderr: expect.stringMatching(/denied|not permitted/),
      });
    }
    expect(await enter("stop")).toMatchObject({ code: 0 });
  }));
