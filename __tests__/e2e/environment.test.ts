import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { GONE, useEnvironmentMachine } from "../support/world/desk.ts";
import { OTHER_ROOTFS, ROOTFS, SCRIPT } from "../support/world/environment.ts";

const desk = useEnvironmentMachine();
const { sh, output, pidsOf } = desk;
let idle: string;

beforeAll(async () => {
  idle = await leftBehind();
});
afterEach(async () => {
  expect(await output("enter stop; enter --graph-root /var/tmp/second stop")).toBe("");
  expect(await leftBehind()).toBe(idle);
});

/** What an environment could leave on its machine: processes, mounts, loop devices. */
async function leftBehind(): Promise<string> {
  // The kernel ends the mounts of a dead namespace, and so a loop device's use, a moment later.
  const mounts =
    "cat /proc/self/mounts; /usr/sbin/losetup --list --noheadings --output BACK-FILE | grep life.squashfs || true";
  const look = async () =>
    `${desk.machine.processes().map(({ command }) => command.join(" "))}\n${await output(mounts)}`;
  let seen = await look();
  for (let tries = 0; tries < 50 && idle !== undefined && seen !== idle; tries++) seen = await look();
  return seen;
}

const holders = () => pidsOf("sleep");

/** Shell that kills a process and waits until it is gone. */
const kill = (pid: number | undefined) => `kill -KILL ${pid}; while [ -d /proc/${pid} ]; do sleep 0.02; done`;

/** Runs a container that ends at once when it is stopped; an image, its command and options follow. */
const detach = "enter exec podman run --quiet --detach --stop-signal KILL";

describe("start, status and stop", () => {
  test("say whether it runs, and do nothing twice", async () => {
    const stopped = await sh("enter status");
    expect(stopped).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^stopped: rootfs \/srv\/debian,/),
    });
    expect(await sh("enter start")).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const [holder] = holders();
    expect(await sh("enter start; enter status")).toMatchObject({
      code: 0,
      stdout: `running: holder ${holder}, rootfs /srv/debian, graph root /home/runner/.local/share/podman-rootless/storage, driver fuse-overlayfs\n`,
      stderr: "",
    });
    expect(holders()).toEqual([holder]);
    expect(await sh("enter stop; enter stop")).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect((await sh("enter status")).code).toBe(3);
  });

  test("stop ends containers, and frees the loop devices of segments", async () => {
    await output(`${detach} --userns keep-id ${desk.image} sleep 1000
      ${detach} --publish 127.0.0.1::80 ${desk.image} sleep 1000
      mkdir -p /tmp/life && echo seen >/tmp/life/file
      enter exec mksquashfs /tmp/life /tmp/life.squashfs -quiet -no-progress
      enter exec mkdir /.segments
      holder=$(enter status | sed 's/^running: holder \\([0-9]*\\),.*/\\1/')
      sudo mount -N /proc/$holder/ns/mnt -t squashfs -o loop,ro,X-mount.idmap=/proc/$holder/ns/user /tmp/life.squashfs /.segments`);
    expect(await output("enter exec stat --format %u /.segments/file; /usr/sbin/losetup --list")).toMatch(
      /^0\n[\s\S]*life\.squashfs/,
    );
    expect(pidsOf("sleep").length).toBe(3);
    expect((await sh("enter stop")).stderr).not.toContain("podman-rootless:");
    expect(pidsOf("sleep")).toEqual([]);
  });

  test("stop ends what a killed holder left, too", async () => {
    await output(`${detach} ${desk.image} sleep 1000`);
    await output(kill(holders()[0]));
    expect(holders()).toHaveLength(1); // the container's
    expect(await sh("enter stop; enter status")).toMatchObject({ code: 3, stderr: "" });
  });

  test("keeps none of the variables of the caller who started it", async () => {
    const env = { SECRET: "s3cret", RUNNER_TRACKING_ID: "github_2" };
    await output("enter stop; enter start", { env });
    const names = "tr '\\0' '\\n' </proc/$(pidof sleep)/environ | cut -d = -f 1 | grep -v PWD | sort | xargs";
    expect(await output(names)).toBe("CONTAINERS_STORAGE_CONF PATH RUNNER_TRACKING_ID XDG_RUNTIME_DIR");
    expect(await output("grep -l s3cret /proc/[0-9]*/environ 2>/dev/null || true")).toBe("");
  });

  test("16 first calls at once make one holder", async () => {
    const calls = Array.from({ length: 16 }, () => sh("enter exec readlink /proc/self/ns/mnt"));
    const results = await Promise.all(calls);
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      Array.from({ length: 16 }, () => ({ code: 0, stderr: "" })),
    );
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    expect(holders()).toHaveLength(1);
  });
});

describe("a holder that is gone", () => {
  test("killed while containers run: the next call recovers, and podman knows that they ended", async () => {
    await output("enter exec podman rm --all --force --time 0");
    const [holder] = holders();
    await output(`${detach} --name one ${desk.image} sleep 1000`);
    await output(`${detach} --userns keep-id ${desk.image} sleep 2000
      enter exec podman volume create kept
      ${kill(holder)}`);
    const [conmons, containers] = [pidsOf("conmon"), pidsOf("sleep")];
    expect([conmons.length, containers.length]).toEqual([2, 2]);

    expect(await sh("enter exec podman ps --all --format '{{.Names}} {{.State}}'")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^one exited\n\S+ exited\n$/),
      stderr: GONE,
    });
    expect(pidsOf("conmon")).toEqual([]);
    expect(pidsOf("sleep").filter((pid) => containers.includes(pid))).toEqual([]);
    expect(await sh(`enter exec podman run --rm --volume kept:/kept ${desk.image} echo works`)).toMatchObject(
      {
        code: 0,
        stdout: "works\n",
        stderr: "",
      },
    );
    expect(
      await sh("enter exec podman start one; enter exec podman rm --all --force --time 0"),
    ).toMatchObject({
      code: 0,
      stderr: "",
    });
  }, 60_000);

  test("of another boot: nothing is killed, whatever has its numbers now", async () => {
    await output("enter start");
    const [holder] = holders();
    const file = "/run/user/1001/podman-rootless/*/holder";
    const lines = (await output(`cat ${file}`)).split(" ");
    const forged = lines.with(2, "00000000-0000-4000-8000-000000000000").join(" ");
    await output(`cat >/tmp/forged; cp /tmp/forged $(echo ${file})`, { input: `${forged}\n` });

    expect(await sh("enter status")).toMatchObject({ code: 3 });
    expect(await sh("enter exec echo works")).toMatchObject({ code: 0, stdout: "works\n", stderr: GONE });
    expect(holders()).toHaveLength(2);
    expect(holders()).toContain(holder);
    await output(kill(holder));
  });

  test("a pid that is another process's now, or no pid, is not believed", async () => {
    await output("enter start");
    const file = await output("echo /run/user/1001/podman-rootless/*/holder");
    const [holder = 0] = holders();
    const state = await output(`cat ${file}`);
    await output(kill(holder));
    for (const text of [state.replace(/^\d+/, "1"), state.replace(/^\d+ \d+/, " "), "\n\n", "", "x"]) {
      await output("enter stop");
      await output(`cat >${file}`, { input: `${text}\n` });
      expect(await sh("enter status")).toMatchObject({ code: 3, stderr: "" });
      expect(await sh("enter exec echo works")).toMatchObject({ code: 0, stdout: "works\n", stderr: GONE });
    }
  });
});

describe("more than one", () => {
  test("environments on two stores run side by side, and stop by themselves", async () => {
    const second = "enter --graph-root /var/tmp/second";
    await output(`${detach} --name a ${desk.image} sleep 1000
      ${second} ${detach.slice(6)} --name b ${desk.image} sleep 1000`);
    const names = "exec podman ps --format '{{.Names}}'";
    expect(await output(`enter ${names}; ${second} ${names}; enter stop; ${second} ${names}`)).toBe(
      "a\nb\nb",
    );
    expect((await sh("enter status")).code).toBe(3);
  });

  test.each([
    ["rootfs", `--rootfs '${OTHER_ROOTFS}'`, "fuse-overlayfs", OTHER_ROOTFS],
    ["driver", "--driver vfs", "vfs", ROOTFS],
  ])(
    "another %s on the same store is refused, and the remedy is one command",
    async (_, first, driver, rootfs) => {
      await output(`enter ${first} --graph-root '/var/tmp/with space' start`);
      const refused = await sh("enter --graph-root '/var/tmp/with space' exec true");
      expect(refused).toMatchObject({ code: 125, stdout: "" });
      const [, remedy] =
        /^podman-rootless: the store \/var\/tmp\/with space is in use by another environment \((.*)\); stop that one first: (sh .*)\n$/
          .exec(refused.stderr)
          ?.slice(1) ?? [];
      expect(refused.stderr).toContain(`(${driver} on ${rootfs})`);
      expect(remedy).toMatch(new RegExp(`^sh '${SCRIPT}' --rootfs '${rootfs}'`));
      expect(await output(`${remedy}`)).toBe("");
      expect(await output("enter --graph-root '/var/tmp/with space' exec echo works")).toBe("works");
      await output("enter --graph-root '/var/tmp/with space' stop");
    },
  );
});
