import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { ExecResult } from "../support/machine/exec.ts";
import { GONE, seen, useEnvironmentMachine, well } from "../support/world/desk.ts";

jest.setTimeout(240_000);

const desk = useEnvironmentMachine();
const { sh, output, pidsOf } = desk;

beforeAll(async () => {
  await output(`enter exec podman pull --quiet ${desk.image}`);
});
afterEach(async () => {
  await output("enter stop");
  // Nobody is left, not even somebody to be buried.
  expect(desk.machine.processes().map(({ name, state }) => `${name} ${state}`)).toEqual(["catatonit S"]);
});

/** Podman's store and locks are sound, and no container, volume or file of one is there. */
async function expectNothingLeft(): Promise<void> {
  const left = `enter exec podman ps --all --external --quiet; enter exec podman volume ls --quiet
    enter exec podman images --filter dangling=true --quiet
    enter exec sh -c 'ls -A /run/user/1001/crun /run/user/1001/netns /run/user/1001/containers/overlay-containers; cat /proc/self/mounts' | grep -v '^$\\|:$' |
      grep -E 'merged|netns/|^[0-9a-f]{64}' || :`;
  expect(await output(left)).toBe("");
  expect(await sh("enter exec podman system locks")).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("No lock conflicts have been detected"),
  });
  expect(seen(await sh("enter exec podman system check"))).toEqual(well(""));
  expect([...pidsOf("conmon"), ...pidsOf("pasta"), ...pidsOf("fuse-overlayfs")]).toEqual([]);
  expect(desk.machine.processes().filter(({ state }) => state === "Z")).toEqual([]);
}

// What steps and users call it from.
const shells = [
  "bash -c",
  "sh -c",
  "bash -lc",
  "env --ignore-environment HOME=/home/runner PATH=$PATH sh -c",
  "setsid --wait sh -c",
  "sudo --preserve-env=XDG_RUNTIME_DIR,PATH --user runner sh -c",
  "nice -n 5 sh -c",
  "env --chdir / --unset XDG_RUNTIME_DIR sh -c",
];
const fromShell = (index: number, script: string) => {
  const path = "PATH=/opt/enter:$PATH";
  return `export PATH; SCRIPT='${path}; ${script}'; ${shells[index % shells.length]} "$SCRIPT"`;
};

describe("many callers", () => {
  test("32 first calls, from different shells, each a podman run: one holder", async () => {
    await output("enter stop");
    const calls = Array.from({ length: 32 }, (_, index) => {
      const run = `enter exec podman run --rm --interactive ${desk.image} sh -c "cat; exit ${index}"`;
      return sh(fromShell(index, run), { input: `input ${index}` });
    });
    const results = await Promise.all(calls);
    expect(results.map(seen)).toEqual(
      results.map((_, index) => ({ code: index, stdout: `input ${index}`, stderr: "" })),
    );
    expect(pidsOf("sleep")).toHaveLength(1);
    await expectNothingLeft();
  });

  test("32 commands of all kinds at once: run, exec, build, pull, rm and more", async () => {
    const podman = "enter exec podman";
    const { image } = desk;
    await output(`for name in a b c d; do
      ${podman} run --quiet --detach --stop-signal KILL --name $name ${image} sleep 1000
      ${podman} create --quiet --name old-$name ${image} true
    done`);
    const [name] = image.split("/").slice(-1);
    const kinds: ((index: number) => string)[] = [
      (index) => `run --rm --volume volume-${index}:/volume ${image} echo done ${index}`,
      (index) => `exec ${"abcd"[index % 4]} echo done ${index}`,
      (index) => `build --quiet --no-cache --tag localhost/built-${index} - <<<"FROM ${image}
RUN echo done ${index} >/line" >/dev/null && ${podman} run --rm localhost/built-${index} cat /line`,
      (index) => `pull --quiet ${image} >/dev/null && ${podman} image exists ${name} && echo done ${index}`,
      (index) => `rm old-${"abcd"[index % 4]} >/dev/null && echo done ${index}`,
      (index) => `ps --all --format json | grep -c State >/dev/null && echo done ${index}`,
      (index) =>
        `run --quiet --detach --rm --name short-${index} ${image} true >/dev/null && echo done ${index}`,
      (index) => `run --rm --network none ${image} echo done ${index}`,
    ];
    const calls = Array.from({ length: 32 }, (_, index) => {
      // Eight kinds, four times each; the four have different containers to work on.
      const kind = kinds[index >> 2] as (typeof kinds)[number];
      return sh(`set -o pipefail; ${podman} ${kind(index)}`);
    });
    const results = await Promise.all(calls);
    expect(results.map(seen)).toEqual(results.map((_, index) => well(`done ${index}\n`)));

    await output(`until [ -z "$(${podman} ps --all --quiet --filter name=short-)" ]; do sleep 0.1; done
      ${podman} rm --force --time 0 a b c d; ${podman} volume prune --force
      ${podman} rmi $(seq --format localhost/built-%g 8 11)`);
    await expectNothingLeft();
  });
});

describe("a holder that is killed", () => {
  test("while containers run and before eight callers start at once: one of them recovers, and says so", async () => {
    const podman = "enter exec podman";
    await output(`${podman} volume create kept
      ${podman} run --quiet --detach --name one --volume kept:/kept ${desk.image} sh -c 'echo $$ >>/kept/starts; exec sleep 1000'
      ${podman} run --quiet --detach --name two --publish 127.0.0.1::80 ${desk.image} sleep 1000
      until ${podman} exec one grep -q . /kept/starts; do sleep 0.1; done`);
    // Two callers wait for theirs.
    const waiting = [1, 2].map((n) =>
      sh(`${podman} run --name waiting-${n} ${desk.image} sh -c 'echo up; sleep 1000'`),
    );
    await output(`until [ "$(${podman} ps --quiet | wc -l)" = 4 ]; do sleep 0.1; done`);
    const holder = Number(/holder (\d+),/.exec(await output("enter status"))?.[1]);

    const kill = `kill -KILL ${holder}; while [ -d /proc/${holder} ]; do sleep 0.02; done`;
    await output(kill);
    const calls = Array.from({ length: 8 }, (_, index) =>
      sh(
        index % 2
          ? `${podman} ps --all --sort names --format '{{.Names}} {{.State}}'`
          : `${podman} run --rm ${desk.image} echo ${index}`,
      ),
    );
    const results = await Promise.all(calls);
    expect(results.map(({ code }) => code)).toEqual(results.map(() => 0));
    expect(results.map(({ stderr }) => stderr).sort()).toEqual([...Array(7).fill(""), GONE]);
    for (const [index, { stdout }] of results.entries()) {
      // The new containers come and go meanwhile.
      if (index % 2 === 0) expect(stdout).toBe(`${index}\n`);
      else
        expect(stdout).toMatch(
          /^one exited$[\s\S]*^two exited$[\s\S]*^waiting-1 exited$\n^waiting-2 exited$/m,
        );
    }
    for (const { code, signal } of await Promise.all(waiting)) expect([code, signal]).not.toEqual([0, null]);
    expect(pidsOf("sleep")).toHaveLength(1);

    expect(
      await output(`${podman} start one two; until [ "$(${podman} exec one grep -c ^ /kept/starts)" = 2 ]; do sleep 0.1; done
      ${podman} port two | grep -c 80/tcp`),
    ).toBe("one\ntwo\n1");
    await output(`${podman} rm --force --time 0 one two waiting-1 waiting-2; ${podman} volume rm kept`);
    await expectNothingLeft();
  });

  test("in the middle of others' work, again and again: whoever comes later works", async () => {
    const podman = "enter exec podman";
    for (let round = 0; round < 2; round++) {
      const running = Array.from({ length: 4 }, () => sh(`${podman} run --rm ${desk.image} sleep 1000`));
      await output(`until [ "$(${podman} ps --quiet | wc -l)" -ge ${round + 1} ]; do sleep 0.02; done
        kill -KILL $(enter status | sed 's/^running: holder \\([0-9]*\\),.*/\\1/')`);
      const result = await sh(`until ${podman} run --rm ${desk.image} echo works; do sleep 0.02; done`);
      expect(result.stdout).toBe("works\n");
      await Promise.all(running);
    }
    await output(`${podman} rm --all --force --time 0`);
    await expectNothingLeft();
  });
});

describe("after the machine lost its power", () => {
  test.each([
    ["state in the session's directory, which is gone", "/run/user/1001"],
    ["state in a directory that is still there", "/tmp/stays"],
  ])("%s", async (_, directory) => {
    const env = { XDG_RUNTIME_DIR: directory };
    const podman = "enter --graph-root /var/tmp/power exec podman";
    await output(
      `mkdir -p ${directory}; ${podman} run --quiet --detach --name old --volume kept:/kept ${desk.image} sh -c 'echo >>/kept/starts; exec sleep 1000'
      ${podman} run --quiet --detach --name web --publish 127.0.0.1::80 ${desk.image} sleep 1000
      until ${podman} exec old grep -q ^ /kept/starts; do sleep 0.1; done`,
      { env },
    );
    await desk.restart();
    expect(pidsOf("sleep")).toEqual([]);
    // The kernel under the machine is the same one: its boot id, too.
    const holder = `${directory}/podman-rootless/*/holder`;
    const stays = directory !== "/run/user/1001";
    if (stays)
      await output(`sed -i '1s/[0-9a-f]\\{8\\}-[0-9a-f-]*/00000000-0000-4000-8000-000000000000/' ${holder}`);

    const states = `${podman} ps --all --sort names --format '{{.Names}} {{.State}}'`;
    const [first, ...later] = await Promise.all(Array.from({ length: 4 }, () => sh(states, { env })));
    const results = [first, ...later].map((result) => seen(result as ExecResult));
    expect(results.map(({ stdout }) => stdout)).toEqual(results.map(() => "old exited\nweb exited\n"));
    expect(results.map(({ stderr }) => stderr).sort()).toEqual(["", "", "", stays ? GONE : ""]);
    expect(
      await output(
        `${podman} start old web; until [ "$(${podman} exec old grep -c ^ /kept/starts)" = 2 ]; do sleep 0.1; done
        ${podman} rm --force --time 0 old web; ${podman} volume rm kept; ${podman} run --rm ${desk.image} echo works
        ${podman} system check; enter --graph-root /var/tmp/power stop`,
        { env },
      ),
    ).toMatch(/^old\nweb\n.*works$/s);
  });
});
