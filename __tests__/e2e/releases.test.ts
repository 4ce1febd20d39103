import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { GONE, seen, useEnvironmentMachine, well } from "../support/world/desk.ts";

jest.setTimeout(240_000);

const desk = useEnvironmentMachine({ beside: ["bookworm", "forky"] });
const { sh, output } = desk;

/** The FHS roots, each with the podman of its release. */
const releases = [
  ["bookworm", "/srv/bookworm", "4.3.1"],
  ["trixie", "/srv/debian", "5.4.2"],
  ["forky", "/srv/forky", "5.8.6"],
] as const;

const other = (release: string, rootfs: string) =>
  `enter --rootfs ${rootfs} --graph-root /var/tmp/${release}`;

afterEach(async () => {
  for (const [release, rootfs] of releases) await output(`${other(release, rootfs)} stop`);
  expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
});

describe.each(releases)("an FHS root of %s", (release, rootfs, version) => {
  const enter = other(release, rootfs);
  const podman = `${enter} exec podman`;

  test("start, pull, run, exec, build, stop", async () => {
    expect(seen(await sh(`${enter} start`))).toEqual(well(""));
    expect(await output(`${podman} --version`)).toBe(`podman version ${version}`);
    await output(`${podman} pull --quiet ${desk.image}`);
    expect(seen(await sh(`${podman} run --rm ${desk.image} sh -c 'echo ran; id -u'`))).toEqual(
      well("ran\n0\n"),
    );
    expect(
      await output(`${podman} run --quiet --detach --stop-signal KILL --name long --volume kept:/kept ${desk.image} sleep 1000 >/dev/null
      ${podman} exec long sh -c 'echo kept >/kept/file'; ${podman} exec long hostname | wc -c; ${podman} logs long`),
    ).toBe("13");
    const build = `${podman} build --quiet --tag localhost/built - >/dev/null && ${podman} run --rm localhost/built cat /built`;
    const file = `FROM ${desk.image}\nRUN echo built >/built\n`;
    expect(seen(await sh(build, { input: file }))).toEqual(well("built\n"));
    expect(seen(await sh(`${enter} stop; ${enter} status`))).toEqual({
      code: 3,
      stdout: `stopped: rootfs ${rootfs}, graph root /var/tmp/${release}, driver fuse-overlayfs\n`,
      stderr: "",
    });
    expect(await output(`${podman} inspect --format '{{.State.Status}}' long`)).toBe("exited");
    expect(await output(`${podman} start long; ${podman} exec long cat /kept/file`)).toBe("long\nkept");
    await output(`${podman} rm --force --time 0 long; ${podman} volume rm kept; ${enter} stop`);
  });

  test("a killed holder: its containers have ended, and start again", async () => {
    await output(`${podman} run --quiet --detach --name long ${desk.image} sleep 1000
      kill -KILL $(${enter} status | sed 's/^running: holder \\([0-9]*\\),.*/\\1/')`);
    expect(seen(await sh(`${podman} inspect --format '{{.State.Status}}' long`))).toEqual({
      code: 0,
      // 4.3 calls one that did not live to see its end "created" again.
      stdout: expect.stringMatching(version < "5" ? /^(exited|created)\n$/ : /^exited\n$/),
      stderr: GONE,
    });
    expect(
      seen(
        await sh(
          `${podman} start long; ${podman} exec long echo works; ${podman} rm --force --time 0 long >/dev/null`,
        ),
      ),
    ).toEqual(well("long\nworks\n"));
    await output(`${enter} stop`);
  });
});

test("environments of three releases at once, side by side", async () => {
  const each = (script: (podman: string, release: string) => string) =>
    Promise.all(
      releases.map(([release, rootfs]) => sh(script(`${other(release, rootfs)} exec podman`, release))),
    );
  // The same names, at the same time.
  const started = await each(
    (
      podman,
      release,
    ) => `${podman} pull --quiet ${desk.image} >/dev/null; ${podman} network create shared >/dev/null
      ${podman} run --quiet --detach --stop-signal KILL --name twin --network shared ${desk.image} sh -c 'echo ${release} >/var/www/index.html; exec httpd -f -h /var/www' >/dev/null
      ${podman} tag ${desk.image} localhost/of-${release}; ${podman} --version`,
  );
  // aardvark-dns of bookworm says that there is no syslog.
  expect(started.map(({ code, stdout }) => [code, stdout])).toEqual(
    releases.map(([, , version]) => [0, `podman version ${version}\n`]),
  );
  expect(desk.machine.processes().filter(({ name }) => name === "sleep")).toHaveLength(3);
  const asked = await each(
    (
      podman,
    ) => `${podman} run --rm --network shared ${desk.image} sh -c 'until wget -qO- http://twin; do sleep 0.1; done' 2>/dev/null
      ${podman} ps --format '{{.Names}}'; ${podman} images --format '{{.Repository}}' | grep localhost/of-`,
  );
  expect(asked.map(seen)).toEqual(
    releases.map(([release]) => well(`${release}\ntwin\nlocalhost/of-${release}\n`)),
  );

  // One ends: the others' run on.
  const [[first, rootfs], ...rest] = releases;
  await output(`${other(first, rootfs)} stop`);
  for (const [release, root] of rest) {
    expect(await output(`${other(release, root)} exec podman exec twin cat /var/www/index.html`)).toBe(
      release,
    );
  }
  await each((podman) => `${podman} rm --force --time 0 twin; ${podman} network rm shared`);
  for (const [release, root] of releases) expect(await output(`${other(release, root)} stop`)).toBe("");
});
