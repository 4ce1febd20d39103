import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type ByHandMachine, CHECKOUT, startByHandMachine } from "../support/world/by-hand.ts";

let desk: ByHandMachine;
const sh: ByHandMachine["sh"] = (...args) => desk.sh(...args);
const output: ByHandMachine["output"] = (...args) => desk.output(...args);

/** Every sudo and setcap that the user, a builder or the environment can find leaves a line here. */
const MARKS = "/tmp/marks";

/** Starts the machine, with those programs in place, and builds the development shell, and the package: ~/result. */
async function prepare(release: Parameters<typeof startByHandMachine>[0]): Promise<void> {
  desk = await startByHandMachine(release);
  await desk.root(`mv /usr/bin/sudo /usr/bin/sudo.real
    for path in /usr/bin/sudo /usr/sbin/setcap /usr/local/bin/sudo /usr/local/bin/setcap; do
      printf '#!/bin/sh\\necho "$0 $*" >>${MARKS}; exec /usr/bin/sudo.real "$@"\\n' >$path
      chmod +x $path
    done`);
  await output("nix build --out-link ~/result && nix develop --command true");
  await output(`~/result/bin/podman pull --quiet ${desk.image}`);
}

const noMarks = async () => expect(await output(`cat ${MARKS} 2>/dev/null || true`)).toBe("");

/** What a terminal showed, but for what was typed at it: lines that begin so. */
const said = (shown: string, begin: string) =>
  shown
    .split(/\r?\n/)
    .filter((line) => line.startsWith(begin))
    .map((line) => line.slice(begin.length));

describe("with Nix 2.26 and podman 5.4", () => {
  beforeAll(() => prepare("trixie"), 900_000);
  afterEach(noMarks);
  afterAll(() => desk.close());

  // As a user may write podman's name, in the checkout or elsewhere.
  const ways: [string, string][] = [
    ["nix run", "nix run . --"],
    ["nix develop", "nix develop --command podman"],
    ["nix shell", "nix shell . --command podman"],
    ["nix build, its podman", "~/result/bin/podman"],
    ["nix build, its environment", "~/result/fsh-podman-rootless-env podman"],
    ["nix develop, its environment", "nix develop --command fsh-podman-rootless-env podman"],
  ];

  describe.each(ways)("%s", (_, podman) => {
    const run = (rest: string) => `${podman} run --rm ${rest.replace("$image", desk.image)}`;

    test("is podman, on the one store", async () => {
      const store = ".local/share/podman-rootless/5/storage";
      expect(
        await output(
          `${podman} info --format '{{.Version.Version}} {{.Store.GraphRoot}}'; ${run("$image id -u")}`,
        ),
      ).toBe(`5.4.2 /home/runner/${store}\n0`);
    });

    test("hands on arguments, input and exit code", async () => {
      const words = run(
        `--interactive $image sh -c 'printf "<%s>" "$@"; cat; exit 42' - 'a  b' '' '"*' -- --help`,
      );
      expect(await sh(words, { input: "input\n" })).toMatchObject({
        code: 42,
        stdout: '<a  b><><"*><--><--help>input\n',
        stderr: "",
      });
      expect(await sh(`${podman} run ${desk.image} nosuch`)).toMatchObject({ code: 127, stdout: "" });
      expect(await sh(`${podman} nosuch`)).toMatchObject({
        code: 125,
        stdout: "",
        stderr: expect.stringMatching(/^Error: unrecognized command `podman nosuch`/),
      });
      await output(`${podman} rm --all`);
    });

    test("hands on a terminal and SIGTERM", async () => {
      const { stdout } = await desk.terminal(run("--tty $image sh -c 'tty; exit 3'"), "");
      expect(stdout).toMatch(/^\/dev\/pts\/0\r\n/);
      const script = `rm -f /tmp/started; ${run(`$image sh -c 'trap "exit 5" TERM; echo; while :; do sleep 0.1; done'`)} >/tmp/started &
        until [ -s /tmp/started ]; do sleep 0.1; done; kill -TERM $!; wait $!`;
      expect(await sh(script)).toMatchObject({ code: 5, stderr: "" });
    });
  });

  test("nix develop --command SCRIPT", async () => {
    const script = `#!/bin/sh -eu
podman --version
printf 'FROM %s\\nRUN echo built >/file\\n' "$1" | podman build --quiet --tag localhost/built - >/dev/null
podman volume create kept
podman run --rm --volume kept:/kept localhost/built cp /file /kept
`;
    await output("cat >~/script && chmod +x ~/script", { input: script });
    expect(await output(`nix develop --command ~/script ${desk.image}`)).toBe("podman version 5.4.2\nkept");
    expect(await output("nix run . -- run --rm --volume kept:/kept localhost/built cat /kept/file")).toBe(
      "built",
    );
    const remove = "nix run . -- volume rm kept; nix run . -- rmi localhost/built";
    await output(remove);
    // From elsewhere, with the flake's reference and a script of that place.
    await output("mkdir -p ~/project && mv ~/script ~/project/script.sh");
    const elsewhere = `nix develop path:${CHECKOUT} --command ./script.sh ${desk.image}`;
    expect(await output(elsewhere, { cwd: "/home/runner/project" })).toBe("podman version 5.4.2\nkept");
    await output(remove);
  });

  test("nix develop, interactively: podman is ours, the rest the user's", async () => {
    const typed =
      "echo at:$(command -v podman) is:$(podman --version) in:$PWD on:$(tty) as:$(id -u) from:$0; exit 7\n";
    const { code, stdout } = await desk.terminal("nix develop", typed);
    const [line = ""] = said(stdout, "at:");
    const podman = await output("readlink -f ~/result/bin/podman");
    expect(line).toMatch(
      / is:podman version 5\.4\.2 in:\/home\/runner\/checkout on:\/dev\/pts\/\d+ as:1001 from:/,
    );
    expect(line.split(" ")[0]).toBe(podman);
    expect(code).toBe(7);
    expect(stdout).not.toMatch(/ignored|warning|error/);
  });

  test("nix develop leaves its own variables out of containers", async () => {
    const variables = `run --rm ${desk.image} env | sort`;
    const varying = (text: string) => text.replace(/HOSTNAME=.*/, "");
    expect(varying(await output(`nix develop --command podman ${variables}`))).toBe(
      varying(await output(`~/result/bin/podman ${variables}`)),
    );
  });

  test("the environment, interactively: an FHS shell, and podman is the same podman", async () => {
    await output(`~/result/bin/podman pull --quiet ${desk.image}`);
    await output(`~/result/bin/podman run --quiet --detach --name outside ${desk.image} sleep 1000`);
    const typed = `echo at:$(command -v podman newuidmap newgidmap skopeo buildah conmon crun)
echo is:$(podman info --format '{{.Version.Version}} {{.Store.GraphRoot}} {{.Store.RunRoot}}')
echo etc:$(ls /etc/containers)
echo map: $(cat /proc/self/uid_map)
echo in:$PWD:$(tty):$-
echo sees:$(podman ps --format '{{.Names}}'):$(podman images --noheading | wc -l)
podman tag ${desk.image} localhost/inside; podman run --quiet --detach --name inside localhost/inside sleep 1000
podman exec outside echo exec:works
echo again:$(~/result/bin/podman ps --noheading | wc -l)
exit 9
`;
    const { code, stdout } = await desk.terminal("~/result/fsh-podman-rootless-env", typed);
    const programs = "podman newuidmap newgidmap skopeo buildah conmon crun".split(" ");
    expect(said(stdout, "at:")).toEqual([programs.map((name) => `/usr/bin/${name}`).join(" ")]);
    const info = await output(
      "~/result/bin/podman info --format '{{.Version.Version}} {{.Store.GraphRoot}} {{.Store.RunRoot}}'",
    );
    expect(said(stdout, "is:")).toEqual([info]);
    expect(said(stdout, "etc:")).toEqual(["containers.conf policy.json registries.conf"]);
    expect(said(stdout, "map:")).toEqual([" 0 1001 1 1 100000 65536"]);
    expect(said(stdout, "in:")).toEqual([
      expect.stringMatching(/^\/home\/runner\/checkout:\/dev\/pts\/\d+:\w*i/),
    ]);
    expect(said(stdout, "sees:")).toEqual(["outside:1"]);
    expect(said(stdout, "exec:")).toEqual(["works"]);
    expect(said(stdout, "again:")).toEqual(["2"]);
    expect(code).toBe(9);

    expect(await output("nix run . -- ps --format '{{.Names}} {{.Image}}' --sort names")).toBe(
      `inside localhost/inside:latest\noutside ${desk.image}`,
    );
    await output("nix run . -- rm --force --time 0 --all; nix run . -- rmi localhost/inside");
  });

  test("podman-rootless: start, status, stop", async () => {
    const rootless = "~/result/bin/podman-rootless";
    const state = async () => (await sh(`${rootless} status`)).stdout.replace(/holder \d+/, "holder PID");
    const rest = `rootfs ${await output("nix build --print-out-paths --no-link .#rootfs")}, graph root /home/runner/.local/share/podman-rootless/5/storage, driver fuse-overlayfs\n`;
    expect(await sh(`${rootless} stop; ${rootless} stop`)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(await sh(`${rootless} status`)).toMatchObject({ code: 3, stdout: `stopped: ${rest}`, stderr: "" });
    expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
    expect(await sh(`${rootless} start; ${rootless} start`)).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
    expect(await state()).toBe(`running: holder PID, ${rest}`);
    expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit", "sleep"]);
    expect(
      await output(`nix run .#podman -- run --rm ${desk.image} echo works; nix run . -- ps --all --quiet`),
    ).toBe("works");
  });

  test("without newuidmap it asks for it, and not for a password", async () => {
    await output("~/result/bin/podman-rootless stop");
    await desk.root("chmod 0 /usr/bin/newuidmap /usr/bin/newgidmap");
    const { code, stdout, stderr } = await sh("nix run . -- ps").finally(() =>
      desk.root("chmod 4755 /usr/bin/newuidmap /usr/bin/newgidmap"),
    );
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toMatch(
      /^podman-rootless: cannot write the uid map: .*newuidmap: Permission denied\. .*uidmap/,
    );
    expect(await output("nix run . -- ps --quiet")).toBe("");
  });

  test("a sudo or a setcap would leave a mark", async () => {
    await output(
      "sudo true; sh -c '/usr/sbin/setcap true'; rm -r /tmp/marks.seen; mv /tmp/marks /tmp/marks.seen",
    );
    expect(await output("cat /tmp/marks.seen")).toBe("/usr/local/bin/sudo true\n/usr/sbin/setcap true");
  });

  test("no Nix code of ours names sudo or setcap", async () => {
    const attributes = ["default", "rootfs", "devShells.x86_64-linux.default"].map((name) => `.#${name}`);
    const derivations: Record<string, { inputSrcs: string[] }> = JSON.parse(
      await output(`nix derivation show --recursive ${attributes.join(" ")}`),
    );
    const names = Object.keys(derivations).map((path) => path.replace(/^[^-]*-|\.drv$/g, ""));
    expect(names).toEqual(expect.arrayContaining(["podman-rootless-5.4.2", "nix-shell", "podman"]));
    for (const derivation of Object.values(derivations)) {
      expect(JSON.stringify(derivation)).not.toMatch(/sudo|setcap|libcap/);
    }
    expect(await output("nix path-info --recursive .#default")).not.toMatch(/sudo|libcap/);

    // Without following links, which lead to the Debian root.
    const outputs = await output(`nix build --no-link --print-out-paths ${attributes.slice(0, 2).join(" ")}`);
    const search = "grep --recursive --files-with-matches --word-regexp --extended-regexp 'sudo|setcap'";
    expect(await sh(`${search} ${outputs.replace("\n", " ")}`)).toMatchObject({ code: 1, stdout: "" });
    // Only where a caller says --sudo, as nobody here does; and in the bundle, of which only doctor is run here.
    expect(await output(`cd action; ${search} . | sort`)).toBe("./dist/index.js\n./nix/enter.sh");
  });
});

// The same with the other releases' Nix and podman, as far as they may differ.
describe.each([
  ["bookworm", "4.3.1"],
  ["forky", "5.8.6"],
] as const)("with Nix of %s and podman %s", (release, version) => {
  beforeAll(() => prepare(release), 900_000);
  afterEach(noMarks);
  afterAll(() => desk.close());

  test("by hand", async () => {
    for (const way of ["nix develop --command podman", "nix run . --", "nix shell . --command podman"]) {
      const run = `${way} run --interactive --rm ${desk.image} sh -c 'cat; exit 42'`;
      expect(await sh(run, { input: "input\n" })).toMatchObject({ code: 42, stdout: "input\n", stderr: "" });
    }
    const typed = `echo is:$(podman --version) at:$(command -v podman newuidmap); echo sees:$(podman images --noheading | wc -l); exit 9\n`;
    const { code, stdout } = await desk.terminal("nix develop --command fsh-podman-rootless-env", typed);
    expect(said(stdout, "is:")).toEqual([`podman version ${version} at:/usr/bin/podman /usr/bin/newuidmap`]);
    expect(said(stdout, "sees:")).toEqual(["1"]);
    expect(code).toBe(9);
    expect(await output("~/result/bin/podman-rootless stop")).toBe("");
  });
});
