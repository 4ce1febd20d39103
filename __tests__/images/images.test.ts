import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { blobBytes, type RegistryFront, startRegistryFront } from "../support/assets/registry-front.ts";
import { node24 } from "../support/runner/node.ts";
import { useEnvironmentMachine } from "../support/world/desk.ts";
import { repository } from "../support/world/world.ts";

jest.setTimeout(300_000);

const seenAt = (name: string) => ({ source: join(repository, name), target: `/srv/action/${name}` });
const desk = useEnvironmentMachine({
  beside: ["bookworm", "forky"],
  node: node24(),
  mounts: ["src", "node_modules", "package.json"].map(seenAt),
});

/** The FHS roots, each with the podman of its release. */
const releases = [
  ["4.3.1", "/srv/bookworm"],
  ["5.4.2", "/srv/debian"],
  ["5.8.6", "/srv/forky"],
] as const;

let front: RegistryFront;
beforeAll(async () => {
  front = await startRegistryFront(desk.image.split("/")[0] ?? "");
  // Of one image, under several names.
  for (const name of ["one", "two", "three", "four", "five", "six"])
    front.aliases.set(`/${name}/`, "/busybox/");
  front.aliases.set("/moving/", "/busybox/");
  await desk.output(`cat >~/.config/containers/registries.conf <<'END'
unqualified-search-registries = ["${front.host}"]
[[registry]]
location = "${front.host}"
insecure = true
END`);
});
afterAll(() => front.close());

describe.each(releases)("with podman %s", (version, rootfs) => {
  const directory = `/run/user/1001/podman-rootless/images-${version}`;
  const environment = {
    script: "/srv/nix/enter.sh",
    rootfs,
    graphRoot: `/var/tmp/images-${version}`,
    driver: "fuse-overlayfs",
    directory,
    podman: "",
  };
  const podman = `enter --rootfs ${rootfs} --graph-root ${environment.graphRoot} --dir ${directory} exec podman`;

  /** The log of the stage, and what it ended with: "ids ..." or "threw ...". */
  async function provide(names: string[], policy = "missing"): Promise<string[]> {
    const script = `import { provideImages } from "/srv/action/src/images/images.ts";
      const [environment, names, policy] = JSON.parse(process.argv[1]);
      try {
        console.log("ids", ...(await provideImages(environment, names, policy)));
      } catch (error) {
        console.log("threw", error.message);
      }`;
    const given = JSON.stringify([environment, names, policy]).replaceAll("'", "'\\''");
    // Of node's own, that it strips types.
    const line = `/opt/node24/bin/node --no-warnings --input-type=module --eval '${script}' '${given}'`;
    return (await desk.output(line)).split("\n").filter((text) => !text.startsWith("::debug::"));
  }
  const manifests = () => front.requests.filter(({ path }) => path.includes("/manifests/"));

  beforeEach(() => {
    front.requests.length = 0;
  });
  afterAll(() => desk.output(`${podman.replace("exec podman", "stop")}`));

  test("what is missing is pulled, once for each name, and what is there is not asked for", async () => {
    const one = `${front.host}/one:latest`;
    const [first, id = "", ...rest] = await provide([one, one]);
    expect([first, rest]).toEqual([`${one} is pulled`, []]);
    expect(id).toMatch(/^ids [0-9a-f]{64}$/);
    expect(await desk.output(`${podman} image inspect --format 'ids {{.Id}}' ${one}`)).toBe(id);
    expect(manifests().map(({ path }) => path)).toEqual(["/v2/one/manifests/latest"]);
    expect(blobBytes(front.requests)).toBeGreaterThan(1_000_000);

    front.requests.length = 0;
    expect(await provide([one])).toEqual([`${one} is there`, id]);
    // A short name is what podman takes it for.
    expect(await provide(["one"])).toEqual(["one is there", id]);
    expect(front.requests).toEqual([]);
  });

  test("four at a time, and no more", async () => {
    const names = ["one", "two", "three", "four", "five", "six"].map((name) => `${front.host}/${name}:many`);
    front.aliases.set("/manifests/many", "/manifests/latest");
    const held = new Map<string, () => void>();
    let most = 0;
    front.gate = (path) =>
      new Promise((resolve) => {
        if (!path.includes("/manifests/")) return resolve();
        held.set(path, resolve);
        most = Math.max(most, held.size);
        // The last two wait for nobody.
        if (held.size < 4 && most < 4) return;
        for (const go of held.values()) go();
        held.clear();
      });
    const lines = await provide(names);
    expect(most).toBe(4);
    expect(lines.slice(0, -1).sort()).toEqual(names.map((name) => `${name} is pulled`).sort());
    expect(new Set(lines.at(-1)?.split(" ").slice(1)).size).toBe(1);
    front.gate = async () => {};
  });

  test("newer: what is the same is not downloaded again; another one is, and takes the name", async () => {
    const moving = `${front.host}/moving:latest`;
    const [, id] = await provide([moving]);
    front.requests.length = 0;
    expect(await provide([moving], "newer")).toEqual([`${moving} is the registry's`, id]);
    expect(manifests()).toHaveLength(1);
    // The configuration at most.
    expect(blobBytes(front.requests)).toBeLessThan(1000);

    front.aliases.set("/moving/", "/debian/").set("/manifests/latest", "/manifests/trixie");
    try {
      expect(await provide([moving])).toEqual([`${moving} is there`, id]);
      const [line, other] = await provide([moving], "newer");
      expect(line).toBe(`${moving} is pulled`);
      expect(other).not.toBe(id);
      expect(await desk.output(`${podman} image inspect --format 'ids {{.Id}}' ${moving}`)).toBe(other);
    } finally {
      front.aliases.set("/moving/", "/busybox/").delete("/manifests/latest");
    }
  });

  test("newer, with a registry that does not answer, or has it no more: what is there stays", async () => {
    // Closed: nothing listens at port 1.
    const gone = "127.0.0.1:1/gone:latest";
    const none = `${front.host}/none:latest`;
    await desk.output(`${podman} tag ${front.host}/one:latest ${gone} ${none}`);
    const [refused, unknown, ids] = (await provide([gone, none], "newer")).sort();
    expect(refused).toMatch(
      /^::warning::127\.0\.0\.1:1\/gone:latest stays as it is: .*127\.0\.0\.1:1.*connection refused$/,
    );
    expect(unknown).toMatch(/^::warning::\S*\/none:latest stays as it is: .*manifest unknown/);
    expect(ids).toMatch(/^ids ([0-9a-f]{64}) \1$/);
  });

  test("all that cannot be pulled are named, with podman's own error; the others are there", async () => {
    const good = `${front.host}/five:latest`;
    const names = [`${front.host}/none:a`, good, `${front.host}/busybox:b`, "127.0.0.1:1/x:c", "UPPER/case"];
    await desk.output(`${podman} rmi --ignore ${good}`);
    const lines = await provide(names);
    expect(lines.slice(0, -1)).toEqual([`${good} is pulled`]);
    const error = lines.at(-1) ?? "";
    expect(error).toMatch(/^threw Cannot pull [^;]*\/none:a: [^;]*manifest unknown.*; [^;]*\/busybox:b: /);
    expect(error).toMatch(
      /manifest unknown[^;]*; 127\.0\.0\.1:1\/x:c: [^;]*connection refused; UPPER\/case: /,
    );
    expect(error).toMatch(
      / Check the names, and log in to registries that ask for it in a step before this one\.$/,
    );
    expect(error).not.toMatch(/retrying|Error:/);
    await desk.output(`${podman} image exists ${good}`);
  });
});
