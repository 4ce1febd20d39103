import { expect, test } from "@jest/globals";
import type { Release } from "../support/assets/debian-root.ts";
import { onEach } from "../support/world/compare.ts";

/** The fields that a podman does not know yet: it says so, and ends with 125. */
const unknown: Partial<Record<Release, string[]>> = {
  bookworm: [
    ".Host.DatabaseBackend",
    ".Host.NetworkBackendInfo",
    ".Host.Pasta",
    ".Host.RootlessNetworkCmd",
    ".Store.TransientStore",
  ],
};

onEach((desk, release) => {
  /** Runs a script that must end well and complain of nothing; its lines. */
  async function lines(script: string): Promise<string[]> {
    const { code, stdout, stderr } = await desk().sh(script);
    // podman 4's name server says so in any machine without one.
    const complaints = stderr.replaceAll("failed to connect to syslog: Initialization\n", "");
    expect({ code, complaints, stdout }).toEqual({ code: 0, complaints: "", stdout: expect.anything() });
    return stdout.trimEnd().split("\n");
  }

  test.each([
    ".Version",
    ".Registries",
    ".Plugins",
    ".Host.Arch",
    ".Host.CgroupManager",
    ".Host.CgroupsVersion",
    ".Host.CgroupControllers",
    ".Host.Conmon",
    ".Host.DatabaseBackend",
    ".Host.EventLogger",
    ".Host.IDMappings",
    ".Host.LogDriver",
    ".Host.NetworkBackend",
    ".Host.NetworkBackendInfo",
    ".Host.OCIRuntime",
    ".Host.Pasta",
    ".Host.RemoteSocket",
    ".Host.RootlessNetworkCmd",
    ".Host.Security.Rootless",
    ".Host.Security.SECCOMPEnabled",
    ".Host.Security.DefaultCapabilities",
    ".Host.ServiceIsRemote",
    ".Host.Slirp4NetNS",
    ".Store.GraphDriverName",
    ".Store.GraphOptions",
    ".Store.GraphRoot",
    ".Store.GraphStatus",
    ".Store.RunRoot",
    ".Store.VolumePath",
    ".Store.TransientStore",
  ])("podman info: %s", async (field) => {
    const { native, ours } = await desk().both(`podman info --format '{{json ${field}}}'`);
    if (unknown[release]?.includes(field)) expect(native).toMatchObject({ code: 125, stdout: "" });
    else expect(native).toMatchObject({ code: 0, stderr: "" });
    expect(ours).toEqual(native);
  });

  test("neither sees the other's containers, volumes, networks, pods, images", async () => {
    for (const name of ["native", "ours"]) {
      await lines(`cd /tmp; ${name} podman run --quiet --detach --stop-signal KILL --name same-${name} $image sleep 1000
        ${name} podman volume create volume-${name}; ${name} podman network create network-${name}
        ${name} podman pod create pod-${name}; ${name} podman tag $image localhost/image-${name}; ${name} podman secret create secret-${name} /etc/hostname`);
    }
    const list = (name: string) =>
      lines(`for what in 'ps --all --format {{.Names}}' 'volume ls --format {{.Name}}' 'network ls --format {{.Name}}' \\
          'pod ls --format {{.Name}}' 'images --format {{.Repository}}' 'secret ls --format {{.Name}}'; do
          ${name} podman $what | { grep -E 'same|volume|network|pod-|image-|secret' || echo "nothing in $what"; }
        done`);
    const native = await list("native");
    expect(native).toHaveLength(6);
    expect(native.every((line) => line.endsWith("-native"))).toBe(true);
    expect(await list("ours")).toEqual(native.map((line) => line.replace("-native", "-ours")));
  });

  test("the same names and networks at the same time, and each ends its own", async () => {
    await lines(`for name in native ours; do
      $name podman network create --subnet 10.90.0.0/24 shared
      $name podman run --quiet --detach --name twin --network shared $image sh -c "echo $name >/var/www/index.html; exec httpd -f -h /var/www"
    done`);
    const ask = (name: string) =>
      lines(
        `${name} podman run --rm --network shared $image sh -c 'until wget -qO- http://twin; do sleep 0.1; done' 2>/dev/null`,
      );
    expect([await ask("native"), await ask("ours"), await ask("native")]).toEqual([
      ["native"],
      ["ours"],
      ["native"],
    ]);
    await lines("native podman rm --force --time 0 twin; native podman network rm shared");
    expect(await ask("ours")).toEqual(["ours"]);
    await lines("ours podman rm --force --time 0 twin; ours podman network rm shared");
  });

  test("both at work at once: no lock, no database is in the other's way", async () => {
    const results = await lines(`for round in 1 2 3 4 5 6 7 8; do for name in native ours; do
        { $name podman run --rm --volume work-$round:/work $image sh -c "echo $name $round"; } &
      done; done; wait
      for name in native ours; do $name podman volume prune --force | grep -c work; $name podman ps --all --quiet --filter name=work; done`);
    const rounds = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((round) => [`native ${round}`, `ours ${round}`]);
    expect(results.slice(0, -2).sort()).toEqual(rounds.sort());
    expect(results.slice(-2)).toEqual(["8", "8"]);
  });

  test("ours stops and starts: the native one's containers run on", async () => {
    const start =
      "native podman inspect --format '{{.State.Status}} {{.State.Pid}} {{.State.StartedAt}}' same-native";
    const before = await lines(start);
    const enter = "sh /srv/nix/enter.sh --rootfs /srv/debian";
    expect(
      await lines(
        `${enter} stop; ${enter} start; ours podman inspect --format '{{.State.Status}}' same-ours`,
      ),
    ).toEqual(["exited"]);
    expect(await lines(start)).toEqual(before);
    expect(before[0]).toMatch(/^running /);
  });

  test("system reset of one leaves the other's, and does what a native one does", async () => {
    await lines("ours podman start same-ours");
    await desk().sh("ours podman system reset --force");
    expect(
      await lines(`native podman ps --format '{{.Names}}' --filter name=same
      native podman image exists localhost/image-native; native podman exec same-native echo lives`),
    ).toEqual(["same-native", "lives"]);
    // A container that it ends may still write its last event: either podman's own race, and words.
    const quiet = "sed '/file exists/d; /events: directory not empty/d'";
    const { native, ours } = await desk().both(`podman system reset --force 2>&1 | ${quiet}
      podman ps --all --quiet; podman images --quiet; podman volume ls --quiet; podman network ls --quiet
      podman pull --quiet --tls-verify=false $image; podman run --rm $image echo works`);
    expect(native).toEqual({ ...native, code: 0 });
    expect(ours).toEqual(native);
  });
});
