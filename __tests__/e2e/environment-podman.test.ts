import { beforeAll, describe, expect, test } from "@jest/globals";
import { useEnvironmentMachine } from "../support/world/desk.ts";

const ids = (map: string) =>
  map
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).join(" "));

describe("podman of a user", () => {
  const desk = useEnvironmentMachine();
  const { sh, output } = desk;
  beforeAll(async () => {
    // The host's own configuration, for its own podman: errors, if it were read.
    await desk.root(`mkdir -p /etc/containers/registries.conf.d
      for name in storage.conf registries.conf containers.conf policy.json registries.conf.d/a.conf; do
        echo 'nonsense = [' >/etc/containers/$name
      done`);
    await output(`enter exec podman pull --quiet ${desk.image}`);
  });

  const run = (options: string, command: string) =>
    output(`enter exec podman run --rm ${options} ${desk.image} ${command}`);

  test("the id map is the user's id, and all of the subordinate ones", async () => {
    for (const kind of ["uid", "gid"]) {
      const whole = ["0 1001 1", "1 100000 65536"];
      expect(ids(await output(`enter exec cat /proc/self/${kind}_map`))).toEqual(whole);
      expect(ids(await run("", `cat /proc/self/${kind}_map`))).toEqual(whole);
    }
    const owners = "for id in 0 1 65536; do touch $id; chown $id:$id $id; done";
    await output("mkdir -p owned");
    await run("--volume ./owned:/owned --workdir /owned", `sh -c '${owners}'`);
    expect(await output("stat --format '%n %u %g' owned/*")).toBe(
      "owned/0 1001 1001\nowned/1 100000 100000\nowned/65536 165535 165535",
    );
  });

  test("--userns=keep-id keeps the user's, and maps the others around it", async () => {
    expect(await run("--userns keep-id", "id -u")).toBe("1001");
    expect(ids(await run("--userns keep-id", "cat /proc/self/uid_map"))).toEqual([
      "0 1 1001",
      "1001 0 1",
      "1002 1002 64535",
    ]);
    expect(await run("--userns keep-id:uid=0,gid=0", "id -u")).toBe("0");
    expect(ids(await run("--userns auto:size=4096", "cat /proc/self/uid_map"))[0]).toMatch(/^0 \d+ 4096$/);
  });

  test("it has its own store and configuration, not the host's", async () => {
    const info =
      "{{.Store.GraphDriverName}} {{.Store.GraphRoot}} {{.Host.CgroupManager}} {{.Host.LogDriver}} {{.Host.Security.Rootless}}";
    expect(await output(`enter exec podman info --format '${info}'`)).toBe(
      "overlay /home/runner/.local/share/podman-rootless/storage cgroupfs k8s-file true",
    );
    expect(await output("enter exec ls /etc/containers")).toBe(
      "containers.conf\npolicy.json\nregistries.conf",
    );
    expect(await output("ls /etc/containers")).toContain("storage.conf");
  });

  test("the user's own registries.conf and containers.conf hold", async () => {
    const file = "~/.config/containers/registries.conf";
    const short = desk.image.replace(":latest", "");
    await output(`cp ${file} /tmp/kept; printf '[aliases]\\n"short" = "${short}"\\n' >>${file}
      printf '[containers]\\nenv = ["FROM_USER=yes"]\\n' >~/.config/containers/containers.conf`);
    expect(await output("enter exec podman pull --quiet short")).toMatch(/^[0-9a-f]{64}$/);
    expect(await run("", "sh -c 'echo $FROM_USER'")).toBe("yes");
    await output(`rm ${file} ~/.config/containers/containers.conf`);
    expect((await sh(`enter exec podman pull --quiet ${desk.image}`)).stderr).toContain("HTTPS");
    await output(`cp /tmp/kept ${file}`);
  });

  test("auth.json in the runtime directory is one file, inside and outside", async () => {
    const file = "/run/user/1001/containers/auth.json";
    const registry = desk.image.split("/")[0];
    await output(`enter exec podman login --username me --password-stdin ${registry}`, { input: "secret" });
    const written = JSON.parse(await output(`cat ${file}`));
    expect(written.auths[registry ?? ""].auth).toBe(Buffer.from("me:secret").toString("base64"));
    const auths = { [registry ?? ""]: { auth: Buffer.from("you:secret").toString("base64") } };
    await output(`cat >${file}`, { input: JSON.stringify({ auths }) });
    expect(await output(`enter exec podman login --get-login ${registry}`)).toBe("you");
    await output(`enter exec podman logout ${registry}`);
    expect(JSON.parse(await output(`cat ${file}`)).auths).toEqual({});
  });

  test("what it keeps at run time is not among the host's", async () => {
    await output(
      `enter exec podman run --quiet --detach --name kept --publish 127.0.0.1::80 ${desk.image} sleep 1000`,
    );
    expect(await output("cd /run/user/1001; ls -A crun netns containers/overlay-containers")).toBe(
      "containers/overlay-containers:\n\ncrun:\n\nnetns:",
    );
    expect(await output("ls -A /run/user/1001 /run/user/1001/containers /dev/shm")).not.toContain("libpod_");
    await output("enter exec podman rm --force --time 0 kept");
  });

  test("a segment is mounted again after the holder was killed", async () => {
    const store = "~/.local/share/podman-rootless/storage";
    await output(
      `cd ${store}; enter exec mksquashfs overlay overlay-images overlay-layers "/tmp/a segment.squashfs" -quiet -no-progress`,
    );
    const second = "enter --graph-root /var/tmp/second";
    const list = "exec podman images --format '{{.Repository}} {{.ReadOnly}}'";
    const seen = `${desk.image.replace(":latest", "")} true`;
    expect(await output(`${second} ${list}`)).toBe("");
    const directory = (await output(`${second} exec printenv CONTAINERS_STORAGE_CONF`)).replace(
      "/storage.conf",
      "",
    );
    await output(`cat >${directory}/segments`, {
      input: "/tmp/a segment.squashfs /.segments/one\n/tmp/gone.squashfs /.segments/two\n",
    });

    const mounted = await sh(`${second} mount; ${second} mount; ${second} ${list}`);
    expect(mounted).toMatchObject({ code: 0, stdout: `${seen}\n` });
    const complaint = "podman-rootless: left out the cached store /tmp/gone.squashfs: it cannot be mounted\n";
    expect(mounted.stderr.split(complaint)).toHaveLength(3);
    expect(await output(`${second} exec grep -c '/.segments/one fuse' /proc/self/mounts`)).toBe("1");

    await output(`kill -KILL $(${second} status | sed 's/^running: holder \\([0-9]*\\),.*/\\1/')`);
    const again = await sh(`${second} ${list}`);
    expect(again).toMatchObject({ code: 0, stdout: `${seen}\n` });
    expect(again.stderr).toContain("the environment's holder is gone");
    expect(again.stderr).toContain(complaint);
    expect(await output(`${second} exec podman run --rm ${desk.image} echo works`)).toBe("works");
    await output(`${second} stop`);
    expect(desk.machine.processes().map(({ name }) => name)).not.toContain("squashfuse_ll");
  });
});

describe("podman of root, as in a container job", () => {
  const desk = useEnvironmentMachine({ subordinateIds: "root:300000:65536" });
  beforeAll(async () => {
    await desk.root("cd /sys/fs/cgroup; chown root . cgroup.procs cgroup.threads cgroup.subtree_control");
  });

  test("root is root, and containers have its subordinate ids", async () => {
    const enter = "export XDG_RUNTIME_DIR=; /opt/enter/enter --graph-root /var/tmp/store";
    expect(await desk.root(`${enter} start; ${enter} status`)).toMatch(/^running: /);
    expect(ids(await desk.root(`${enter} exec cat /proc/self/uid_map`))).toEqual(["0 0 1", "1 1 65536"]);
    const run = `${enter} exec podman run --quiet --rm --tls-verify=false --volume /var/tmp:/made`;
    expect(await desk.root(`${run} ${desk.image} sh -c 'id -u; touch /made/1; chown 1 /made/1'`)).toBe("0");
    expect(await desk.root("stat --format %u /var/tmp/1")).toBe("300000");

    // podman may make the session's runtime directory by itself: the environment is found again all the same.
    await desk.root("mkdir -p -m 700 /run/user/0");
    expect(await desk.root(`${enter} exec sh -c 'echo $XDG_RUNTIME_DIR'`)).toBe("/tmp/podman-rootless-0");
    expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit", "sleep"]);
    await desk.root(`${enter} stop`);
    expect(desk.machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
  });

  test("beside it a user without ids is refused", async () => {
    expect(await desk.sh("enter start")).toMatchObject({ code: 125, stdout: "" });
  });
});
