import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";
import { ROOTFS, SCRIPT } from "../support/world/environment.ts";
import { repository } from "../support/world/world.ts";

const desk = useEnvironmentMachine();
const { sh, output } = desk;

/** What must hold for the call that starts the environment and for those that find it running. */
const calls = ["first", "later"] as const;
const prepare = (call: (typeof calls)[number]) => output(call === "first" ? "enter stop" : "enter start");

const exec = ["sh", SCRIPT, "--rootfs", ROOTFS, "exec"];
const variables = (printed: string) =>
  Object.fromEntries(
    printed
      .split("\0")
      .filter(Boolean)
      .map((line) => [line.split("=", 1)[0], line.slice(line.indexOf("=") + 1)]),
  );

describe.each(calls)("the %s call", (call) => {
  beforeEach(() => prepare(call));

  test("passes every argument as it is", async () => {
    const words = ["a b", "", "line\nline\n", `'"\\$(id)\`id\`;*?`, "--", "-n", "ü", "--dir", "x=y"];
    const result = await desk.machine.exec([...exec, "printf", "<%s>", ...words]);
    expect(result).toMatchObject({ code: 0, stdout: words.map((word) => `<${word}>`).join(""), stderr: "" });
  });

  test("streams standard input, all of it", async () => {
    const seen = await output(`head -c 50000000 /dev/urandom >/tmp/big && sha256sum </tmp/big
      enter exec sha256sum </tmp/big
      cat /tmp/big | enter exec cat | sha256sum`);
    const [there = "", ...inside] = seen.split("\n");
    expect(there).toMatch(/^[0-9a-f]{64} /);
    expect(inside).toEqual([there, there]);
  });

  test("leaves every variable, but for those documented", async () => {
    // Names that the script itself uses: the caller's must get through unchanged.
    const script = readFileSync(join(repository, "nix/enter.sh"), "utf8");
    const assigned = [...script.matchAll(/\b([a-z][a-z_]*)=/g)].map(([, name = ""]) => name);
    const read = [...script.matchAll(/\bread -r ([a-z_ ]+)/g)].flatMap(([, names = ""]) =>
      names.trim().split(" "),
    );
    const loops = [...script.matchAll(/\bfor ([a-z_]+) in/g)].map(([, name = ""]) => name);
    const names = [...new Set([...assigned, ...read, ...loops])].filter((name) => !name.startsWith("pr_"));
    expect(names).toEqual(expect.arrayContaining(["uid", "name", "state", "path"]));
    const given = Object.fromEntries(names.map((name) => [name, `the caller's ${name}`]));
    const env = {
      ...given,
      PWD: "/home/runner",
      OLDPWD: "/old",
      SHLVL: "7",
      _: "/x",
      EMPTY: "",
      LINES: "1\n2\n",
    };

    const outside = await desk.machine.exec(["env", "-0"], { env });
    const inside = await desk.machine.exec([...exec, "env", "-0"], { env });
    expect(inside).toMatchObject({ code: 0, stderr: "" });
    const { PATH, ...rest } = variables(outside.stdout);
    expect(variables(inside.stdout)).toEqual({
      ...rest,
      PATH: `/usr/bin:/usr/sbin:/bin:/sbin:${PATH}`,
      XDG_RUNTIME_DIR: "/run/user/1001",
      CONTAINERS_STORAGE_CONF: expect.stringMatching(
        /^\/run\/user\/1001\/podman-rootless\/\d+\/storage\.conf$/,
      ),
      CONTAINERS_STORAGE_CONF_OVERRIDE: expect.stringMatching(
        /^\/run\/user\/1001\/podman-rootless\/\d+\/storage\.override\.conf$/,
      ),
      _CONTAINERS_USERNS_CONFIGURED: "done",
      _CONTAINERS_ROOTLESS_UID: "1001",
      _CONTAINERS_ROOTLESS_GID: "1001",
    });
  });

  test("hands on open descriptors, and keeps none", async () => {
    const script = `echo three >/tmp/three; exec 3</tmp/three 9>/tmp/nine 200>/tmp/lock
      flock 200
      enter exec sh -c 'cat <&3; echo nine >&9; readlink /proc/self/fd/200'
      exec 3<&- 9>&- 200>&-
      cat /tmp/nine; flock --nonblock /tmp/lock echo free`;
    expect(await sh(script)).toMatchObject({ code: 0, stdout: "three\n/tmp/lock\nnine\nfree\n", stderr: "" });
  });

  test("keeps the umask, and starts the same whatever it is", async () => {
    expect(await output("umask 077; enter exec sh -c umask; umask 013; enter exec sh -c umask")).toBe(
      "0077\n0013",
    );
    const other = "enter exec setpriv --reuid 1000 --regid 1000 --clear-groups";
    expect(await output(`${other} cat /etc/hostname /etc/containers/policy.json`)).toContain("default");
  });

  test("keeps supplementary groups", async () => {
    await desk.root("echo secret >/tmp/secret; chown root:video /tmp/secret; chmod 640 /tmp/secret");
    expect((await sh("enter exec cat /tmp/secret")).code).not.toBe(0);
    await prepare(call);
    const groups =
      "sudo setpriv --reuid 1001 --regid 1001 --groups 1001,video env PATH=$PATH XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR HOME=$HOME";
    expect(await output(`${groups} enter exec cat /tmp/secret`)).toBe("secret");
    await output(`enter exec podman pull --quiet ${desk.image}`);
    const run = `${groups} enter exec podman run --rm --group-add keep-groups --volume /tmp/secret:/secret`;
    expect(await output(`${run} ${desk.image} cat /secret`)).toBe("secret");
  });
});

test("a later call forks nothing on its way", async () => {
  await prepare("later");
  // The machine numbers its processes itself: the command's first child comes right after the command.
  const { stdout } = await desk.machine.exec([...exec, "sh", "-c", "echo $$; sh -c 'echo $$'; :"]);
  const [command = 0, child = 0] = stdout.trim().split("\n").map(Number);
  expect(child - command).toBe(1);
});

describe("how a command ends", () => {
  test.each([0, 7, 125, 126, 127, 255])("exit code %d", async (code) => {
    expect(await desk.machine.exec([...exec, "sh", "-c", `exit ${code}`])).toMatchObject({
      code,
      stderr: "",
    });
  });

  test("that is not there, cannot be run, has an odd name", async () => {
    expect(await sh("enter exec nosuch")).toMatchObject({
      code: 127,
      stderr: expect.stringContaining("nosuch"),
    });
    expect(await sh("enter exec /etc/subuid")).toMatchObject({ code: 126 });
    expect(await sh("enter exec no=such")).toMatchObject({
      code: 127,
      stderr: expect.stringContaining("no=such"),
    });
    const odd = "printf '#!/bin/sh\\necho \"$0\" \"$@\"' >'/tmp/a=b -c'; chmod +x '/tmp/a=b -c'";
    expect(await output(`${odd}; enter exec '/tmp/a=b -c' 'c d' =`)).toBe("/tmp/a=b -c c d =");
    expect(await sh("enter exec")).toMatchObject({
      code: 125,
      stderr: "podman-rootless: exec needs a command; see --help\n",
    });
  });

  test.each(["TERM", "KILL", "SEGV"])("by SIG%s", async (signal) => {
    expect(await desk.machine.exec([...exec, "sh", "-c", `kill -${signal} $$`])).toMatchObject({
      code: null,
      signal: `SIG${signal}`,
    });
  });

  test.each([
    ["INT", 3],
    ["TERM", 4],
    ["HUP", 5],
  ])("SIG%s to the caller's process is the command's", async (signal, code) => {
    const traps =
      'trap "exit 3" INT; trap "exit 4" TERM; trap "exit 5" HUP; echo $$; while :; do sleep 0.05; done';
    // Job control: a background process would ignore SIGINT from its start.
    const script = `set -m; rm -f /tmp/pid; enter exec bash -c '${traps}' >/tmp/pid & pid=$!
      until [ -s /tmp/pid ]; do sleep 0.05; done
      kill -${signal} $pid; wait $pid; echo $? $pid; cat /tmp/pid`;
    const [status, pid] = (await output(script)).split("\n");
    expect(status).toBe(`${code} ${pid}`);
  });

  test("it has the caller's terminal", async () => {
    expect(await output("script --quiet --return --command 'enter exec tty' /dev/null")).toMatch(
      /^\/dev\/pts\/\d+$/,
    );
  });
});

describe("the working directory", () => {
  test.each(["/tmp", "/tmp/a b'\"$x\ny", "/tmp/link", "/"])("%j", async (cwd) => {
    const script = `ln -sfn /home/runner /tmp/link; mkdir -p "$D"; cd "$D"; pwd; enter exec sh -c 'pwd; pwd -P'; pwd -P`;
    const [there, inside, real, reallyThere] = (await output(script, { env: { D: cwd } })).split(/\n(?=\/)/);
    expect([inside, real]).toEqual([there, reallyThere]);
    expect(there).toBe(cwd);
  });

  test("one that may only be passed through", async () => {
    await desk.root("mkdir -p /tmp/passage/way; chmod 711 /tmp/passage");
    expect(await output("enter exec pwd; enter exec ls way", { cwd: "/tmp/passage" })).toBe("/tmp/passage");
  });

  test("one that was deleted: podman's own words, and one line of each shell of the caller's side", async () => {
    const deleted = "mkdir /tmp/deleted && cd /tmp/deleted && rmdir /tmp/deleted;";
    const without = ({ stderr }: { stderr: string }) =>
      stderr.replace("sh: 0: getcwd() failed: No such file or directory\n", "");
    const enter = exec.join(" ");
    const build = await sh(`${deleted} ${enter} podman build .`);
    expect(build.code).toBe(125);
    expect(without(build)).toBe(
      'Error: determining path to directory ".": getwd: no such file or directory\n',
    );
    const ps = await sh(`${deleted} ${enter} podman ps --quiet`);
    expect([ps.code, ps.stdout, without(ps)]).toEqual([0, "", ""]);
    // Another one of that name is not it.
    const again = await sh(
      `${deleted} mkdir /tmp/deleted; touch /tmp/deleted/new; ${enter} ls; rm -r /tmp/deleted`,
    );
    expect(again.stdout).toBe("");
  });

  test("one that is hidden inside: its files are there, without a path", async () => {
    await desk.root("mkdir -p /usr/local/hidden; echo seen >/usr/local/hidden/file");
    expect(await sh("enter exec cat file", { cwd: "/usr/local/hidden" })).toMatchObject({
      stdout: "seen\n",
      stderr: "",
    });
    expect((await sh("enter exec podman build .", { cwd: "/usr/local/hidden" })).stderr).toBe(
      'Error: determining path to directory ".": getwd: no such file or directory\n',
    );
  });
});

test("inside, a command may call it again", async () => {
  const here = "readlink /proc/self/ns/mnt /proc/self/cwd";
  const [space, directory, ...again] = (
    await output(`enter exec sh -c '${here}; enter exec ${here}; enter status'`, { cwd: "/tmp" })
  ).split("\n");
  expect([directory, ...again]).toEqual(["/tmp", space, "/tmp", expect.stringMatching(/^running:/)]);
});
