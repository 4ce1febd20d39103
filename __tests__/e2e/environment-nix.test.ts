import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { seen, useEnvironmentMachine, well } from "../support/world/desk.ts";
import { ROOTFS } from "../support/world/environment.ts";

const desk = useEnvironmentMachine();
const { sh, output, root } = desk;

const hash = (letter: string) => letter.repeat(32);
const debian = `/nix/store/${hash("a")}-debian`;
const fhs = `/nix/store/${hash("b")}-podman-fhsenv-rootfs`;
const options = `--rootfs ${fhs} --graph-root /home/runner/store`;
const enter = (directory: string) =>
  `sh /srv/nix/enter.sh ${options} --nix "${directory}" --dir /run/user/1001/environment`;
const stop = `${enter("/gone")} stop`;

/** A store below a directory, with an FHS root of links only, as Nix makes them, and what they lead to. */
const makeStore = (directory: string) => `
  store="${directory}/store" && mkdir -p "$store/${hash("a")}-debian"
  mount --bind ${ROOTFS} "$store/${hash("a")}-debian"
  fhs="$store/${hash("b")}-podman-fhsenv-rootfs" && mkdir -p "$fhs/usr/bin" "$fhs/etc"
  for path in ${ROOTFS}/usr/bin/*; do ln -s "${debian}/usr/bin/\${path##*/}" "$fhs/usr/bin/"; done
  for path in ${ROOTFS}/usr/*; do [ -e "$fhs/usr/\${path##*/}" ] || ln -s "${debian}/usr/\${path##*/}" "$fhs/usr/"; done
  for path in ${ROOTFS}/etc/*; do ln -s "${debian}/etc/\${path##*/}" "$fhs/etc/"; done
  for name in bin sbin lib lib64; do ln -s "/usr/$name" "$fhs/$name"; done`;

afterEach(async () => {
  expect(seen(await sh(stop))).toEqual(well(""));
});

/** All of podman, and that it is the one of the store. */
async function expectPodman(directory: string): Promise<void> {
  expect(seen(await sh(`${enter(directory)} start`))).toEqual(well(""));
  expect(await output(`${enter(directory)} exec readlink /usr/bin/podman`)).toBe(`${debian}/usr/bin/podman`);
  expect(await output(`${enter(directory)} exec podman run --quiet --rm ${desk.image} echo works`)).toBe(
    "works",
  );
  expect(
    await output(
      `${enter(directory)} exec podman run --quiet --detach --stop-signal KILL ${desk.image} sleep 1000 >/dev/null
       ${stop}; ${enter(directory)} status || :; ${enter(directory)} exec podman ps --quiet`,
    ),
  ).toMatch(/^stopped: [^\n]*$/);
}

describe("a machine without /nix", () => {
  const directory = "/srv/with space, and:comma/nix";
  beforeAll(() => root(makeStore(directory)));

  test("has it in the environment alone", async () => {
    await expectPodman(directory);
    expect(await output(`ls -d /nix 2>&1 || :; ${enter(directory)} exec ls /nix`)).toMatch(
      /cannot access '\/nix'[^\n]*\nstore$/,
    );
  });

  test("says which store is none", async () => {
    expect(await sh(`${enter("/srv/none")} start`)).toMatchObject({
      code: 125,
      stderr: "podman-rootless: no Nix store at '/srv/none' (it has no store): give one with --nix\n",
    });
  });

  test("does not take the option for a command's", async () => {
    const script = `${enter(directory)} exec sh -c 'echo "$PODMAN_ROOTLESS_NIX"'`;
    expect(seen(await sh(script, { env: { PODMAN_ROOTLESS_NIX: directory } }))).toEqual(well("\n"));
  });
});

describe("a machine with another user's /nix", () => {
  const directory = "/srv/segment/nix";
  const own = `/nix/store/${hash("c")}-machine`;
  const both = `/nix/store/${hash("d")}-both`;
  const inventory = "find /nix -printf '%p %m %u %T@ %l\\n' | sort; cat /proc/self/mounts";
  let before: string;

  beforeAll(async () => {
    await root(`mkdir -p ${own} ${both} && echo machine | tee ${own}/file >${both}/file; ${makeStore(directory)}
      mkdir ${directory}/store/${hash("d")}-both && echo segment >${directory}/store/${hash("d")}-both/file
      chmod -R a-w ${own} ${both} && chmod 0755 /nix /nix/store`);
    before = await root(inventory);
  });

  const expectBoth = async (place: string) => {
    expect(await output(`${enter(place)} exec cat ${own}/file ${both}/file`)).toMatch(
      /^machine\n(machine|segment)$/,
    );
    expect(await root(inventory)).toBe(before);
  };

  test("has both stores' paths in the environment, and stays as it is", async () => {
    await expectPodman(directory);
    await expectBoth(directory);
  });

  test("the store may be a segment that root has mounted", async () => {
    await output(`enter exec mksquashfs ${directory}/store /tmp/store.squashfs -quiet -no-progress -all-root \
        -noI -noD -noF -noX >/dev/null
      enter stop`);
    await root(`mkdir -p /srv/mounted/nix/store
      mount -t squashfs -o loop,ro,nosuid,nodev /tmp/store.squashfs /srv/mounted/nix/store`);
    before = await root(inventory);
    try {
      await expectPodman("/srv/mounted/nix");
      await expectBoth("/srv/mounted/nix");
      const grep = `${enter("/srv/mounted/nix")} exec grep -c ' /nix/store overlay ' /proc/self/mounts`;
      expect(await output(grep)).toBe("1");
    } finally {
      await output(stop);
      await root("umount -l /srv/mounted/nix/store");
      before = await root(inventory);
    }
  });

  test("each path is bound where the kernel has no overlay for users", async () => {
    const refuse = `#!/bin/sh
case $* in *lowerdir*) echo "mount: unknown filesystem type 'overlay'" >&2; exit 32 ;; esac
exec /usr/bin/mount "$@"
`;
    await root(`mkdir -p /opt/refuse && printf '%s' '${refuse.replaceAll("'", "'\\''")}' >/opt/refuse/mount
      chmod +x /opt/refuse/mount`);
    const env = { PATH: "/opt/refuse:/usr/local/bin:/usr/bin:/bin" };
    expect(seen(await sh(`${enter(directory)} start`, { env }))).toEqual(well(""));
    expect(await output(`${enter(directory)} exec podman run --quiet --rm ${desk.image} echo works`)).toBe(
      "works",
    );
    await expectBoth(directory);
  });
});
