// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Release } from "../support/assets/debian-root.ts";
import { IMAGES } from "../support/assets/images.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import { openVolumes, type Volumes, type VolumesJob } from "../support/world/volumes.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

const mountpoint = `"$(podman volume inspect --format '{{.Mountpoint}}' data)"`;
/** All that there is to say of the cache mounts and the volume, in the environment's ids. */
const everything = `for root in /var/tmp/buildah-cache* ${mountpoint}; do
  inside find "$root" -printf '%P %y %m %U %G %T@ %l ' -type f -printf '%s %n\\n' -o -printf '\\n'
done | sort`;
/** A file capability, which only the namespace's root can set, and an attribute of anybody's. */
const setAttributes = `nsenter --user --preserve-credentials --target "$(sed '1s/ .*//;q' $XDG_RUNTIME_DIR/volumes/holder)" \\
  python3 - ${mountpoint}/one <<'END'
import os, struct, sys
os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
os.setxattr(sys.argv[1], "user.mark", b"yes")
END`;
const showAttributes = `nsenter --user --preserve-credentials --target "$(sed '1s/ .*//;q' $XDG_RUNTIME_DIR/volumes/holder)" \\
  python3 -c 'import os, sys; print([(a, os.getxattr(sys.argv[1], a).hex()) for a in sorted(os.listxattr(sys.argv[1]))])' ${mountpoint}/one`;

/** Builds, never from the layers of an earlier build. */
const build = (image: string, script: string) => `cat >Containerfile <<'END'
FROM ${image}
RUN --mount=type=cache,target=/c --mount=type=cache,target=/own,uid=1000,gid=1000,mode=0700,sharing=locked set -e; ${script.replaceAll("\n", " ")}
END
podman build --no-cache .`;
const inVolume = (image: string, script: string) =>
  `podman run --rm --volume data:/data ${image} sh -ec '${script}'`;

let world: Volumes;
const saved = ({ log }: VolumesJob) => [...log.save.matchAll(/^Saved (\S+)/gm)].map(([, key = ""]) => key);
const warnings = ({ log }: VolumesJob) => `${log.provide}\n${log.save}`.match(/^::warning::.*/gm) ?? [];
/** What a job's script said between its marks. */
const parts = ({ output }: VolumesJob) => output.split(/^----$/m).map((part) => part.trim());

/** Runs tests on a machine and a cache of their own. */
function onMachine(release: Release): void {
  beforeAll(async () => {
    world = await openVolumes(release);
  }, 300_000);
  afterAll(() => world.close());
}

const releases: Release[] = ["bookworm", "trixie", "forky"];
describe.each(releases)("cache mounts and a volume with the podman of %s", (release) => {
  let first: VolumesJob;
  let second: VolumesJob;
  let third: VolumesJob;

  onMachine(release);
  beforeAll(async () => {
    const { image } = world;
    first = await world.job(`
      ${build(
        image,
        `date >/c/log; mkdir "/c/a b" /c/gone /c/removed; touch -d @1000 "/c/a b/old"; ln -s log /c/link; ln /c/log /c/hard;
         chown 33:44 /c/gone; chmod 2751 /c/gone; echo x >/c/gone/x; echo y >/own/y; chmod 4711 /own/y;
         echo manifest >/c/removed/labels; dd if=/dev/urandom of=/c/big bs=1k count=3000 2>/dev/null;
         for i in $(seq 200); do echo $i >/c/many-$i; done`,
      )}
      podman volume create --label com.example.a=1 --label b="x y" data
      ${inVolume(image, "dd if=/dev/urandom of=/data/db bs=1k count=2000 2>/dev/null; chown 999:998 /data; chmod 0750 /data; echo 1 >/data/one; mkfifo /data/fifo")}
      ${setAttributes}
      echo ----
      ${everything}; ${showAttributes}`);
    await world.forget();
    second = await world.job(`
      ${everything}; ${showAttributes}
      echo ----
      ${build(image, 'cat /c/log /c/many-100; rm -r /c/gone; mkdir /c/new; echo changed >/c/many-7; rm "/c/a b/old"; ln -s big "/c/a b/old"')}
      ${inVolume(image, "cat /data/one; echo 2 >/data/two; stat -c %u:%g:%a /data")}
      podman volume inspect --format '{{json .Labels}}' data
      echo ----
      ${everything}; ${showAttributes}`);
    await world.forget();
    third = await world.job(`
      ${everything}; ${showAttributes}
      echo ----
      ${build(image, "cat /c/log; cat /c/many-7")}
      ${inVolume(image, "cat /data/one /data/two")}`);
  }, 600_000);

  test("the first job saves them whole", () => {
    expect(warnings(first)).toEqual([]);
    expect(saved(first)).toEqual([
      expect.stringMatching(/^podman-rootless-mounts-v1-x86_64-linux-podman\d\.\d-default\+1-[0-9a-f]{12}$/),
      expect.stringMatching(/^podman-rootless-volume-v1-x86_64-linux-default\+data\+1-[0-9a-f]{12}$/),
    ]);
    expect(first.uploaded).toBeGreaterThan(5_000_000);
  });

  test("the second job has all of it: owners, modes, times, links, capabilities and labels", () => {
    expect(warnings(second)).toEqual([]);
    const [found, , left] = parts(second);
    expect(found).toBe(parts(first)[1]);
    expect(found).toMatch(/^\S+\/gone d 2751 33 44 /m);
    expect(found).toMatch(/security\.capability', '0100000200040000000000000000000000000000/);
    expect(found).toContain("('user.mark', '796573')");
    expect(left).not.toContain("/gone");
    expect(parts(second)[1]).toMatch(/\n100\n/);
    // podman 4 gives a new volume's top directory to the first container's user, whatever is in it.
    const owner = release === "bookworm" ? "0:0" : "999:998";
    expect(parts(second)[1]).toContain(`\n1\n${owner}:750\n`);
    expect(parts(second)[1]).toContain('{"b":"x y","com.example.a":"1"}');
  });

  test("of many files it saves only those that it changed", () => {
    expect(saved(second)).toEqual([
      expect.stringMatching(/-default\+2-[0-9a-f]{12}\.[0-9a-f]{12}$/),
      expect.stringMatching(/-default\+data\+2-[0-9a-f]{12}\.[0-9a-f]{12}$/),
    ]);
    expect(second.uploaded).toBeLessThan(10_000);
  });

  test("the third job has both; what was deleted stays deleted, and nothing is saved", () => {
    expect(warnings(third)).toEqual([]);
    expect(parts(third)[0]).toBe(parts(second)[2]);
    expect(parts(third)[1]).toMatch(/\nchanged\n[\s\S]*\n1\n2$/);
    expect(third.log.save.match(/^The files of .*: nothing new to save$/gm)).toHaveLength(2);
    expect(third.uploaded).toBe(0);
  });
});

describe("when things are not as they were", () => {
  const only = { cacheMounts: false };
  const dataOf = (script: string) => inVolume(world.image, script);
  const entries = () => world.service.entries().map(({ key }) => key);
  /** A volume's chain of two. */
  beforeAll(async () => {
    world = await openVolumes("trixie");
    await world.job(dataOf("seq 1000 >/data/many; echo 1 >/data/one"), only);
    await world.forget();
    await world.job(dataOf("echo 2 >/data/two"), only);
    expect(entries()).toHaveLength(2);
  }, 300_000);
  beforeEach(() => world.forget());
  afterAll(() => world.close());

  test("what is in a volume already stays, and is saved from there on", async () => {
    await world.output(
      "podman run --rm --volume data:/data IMAGE sh -c 'echo own >/data/own'".replace("IMAGE", world.image),
      {
        env: { PATH: "/opt/volumes:/usr/bin:/bin" },
      },
    );
    const job = await world.job(dataOf("ls /data"), { ...only, mode: "read-only" });
    expect(job.output).toBe("own");
    expect(job.log.provide).toContain("there is something in it already; it stays as it is");
    expect(job.trees).toEqual([]);
    expect(warnings(job)).toEqual([]);
  });

  test("on a machine that outlives the job only the change since the last job is saved", async () => {
    await world.job(dataOf("ls /data"), only);
    const next = await world.job(dataOf("echo 3 >/data/three; ls /data"), only);
    expect(next.output).toBe("many\none\nthree\ntwo");
    expect(next.log.save).toMatch(/: 2 entries packed/);
    expect(saved(next)).toEqual([expect.stringMatching(/\+3-/)]);
  });

  test("a volume that is removed, or empty, saves nothing", async () => {
    const removed = await world.job("podman volume rm data", only);
    expect(removed.log.save).toContain("There are no files of the volume data: nothing to save");
    expect([...saved(removed), ...warnings(removed)]).toEqual([]);
    const empty = await world.job("podman volume create other", { ...only, cacheVolumes: ["other"] });
    expect(empty.log.save).toContain("There are no files of the volume other: nothing to save");
  });

  test("a volume that is written to meanwhile is saved as it is", async () => {
    const busy = await world.job(
      `podman run --detach --name busy --volume busy:/data ${world.image} sh -c \
        'seq 9 >/data/kept; while :; do echo line >>/data/log; touch /data/for-a-while; rm /data/for-a-while; sleep 0.01; done'
      until [ -s "$(podman volume inspect --format '{{.Mountpoint}}' busy)/log" ]; do sleep 0.1; done`,
      { ...only, cacheVolumes: ["busy"] },
    );
    expect(warnings(busy)).toEqual([]);
    expect(saved(busy)).toHaveLength(1);
    await world.forget();
    const after = await world.job(
      `podman run --rm --volume busy:/data ${world.image} sh -c 'tail -n 1 /data/kept; head -n 1 /data/log'`,
      {
        ...only,
        cacheVolumes: ["busy"],
      },
    );
    expect(after.output).toBe("9\nline");
  });

  test("a larger one than cache-max-size is not saved", async () => {
    const job = await world.job(dataOf("echo 4 >/data/four"), { ...only, limit: 1000 });
    expect(warnings(job)).toEqual([
      expect.stringMatching(/are not saved: .* more than cache-max-size \(1\.0 kB\)$/),
    ]);
    expect(saved(job)).toEqual([]);
  });

  test("with nothing left of the time, nothing is saved", async () => {
    const job = await world.job(dataOf("echo 4 >/data/four"), { ...only, saveSeconds: 0 });
    expect(warnings(job)).toEqual([expect.stringMatching(/no time is left of cache-save-timeout$/)]);
  });

  test("a segment that is another's leaves the volume empty, and is replaced", async () => {
    const [first = ""] = entries();
    const newest = entries().findLast((key) => key.includes("+data+")) ?? "";
    writeFileSync(world.service.archive(newest), readFileSync(world.service.archive(first)));
    const job = await world.job(dataOf("ls /data; echo new >/data/new"), only);
    expect(warnings(job).join()).toMatch(/is not in its cache entry/);
    expect(saved(job)).toHaveLength(1);
    await world.forget();
    expect((await world.job(dataOf("cat /data/new"), only)).output).toBe("new");
  });

  test("without its second segment of three a volume is as of the first; without that one, it starts empty", async () => {
    const links = { ...only, name: "links" };
    const keys: string[] = [];
    for (const number of [1, 2, 3]) {
      const job = await world.job(dataOf(`seq 1000 >/data/${number}; seq 1000 >/data/rest-${number}`), links);
      keys.push(...saved(job));
      await world.forget();
    }
    expect(keys).toHaveLength(3);

    await world.service.evict(keys[1] ?? "");
    const cut = await world.job(dataOf("ls /data; echo >/data/new"), links);
    expect(cut.output).toBe("1\nrest-1");
    expect(warnings(cut)).toEqual([
      expect.stringMatching(
        /Segment [0-9a-f]{12} is no longer in the cache; .* start with what is below it$/,
      ),
    ]);
    await world.forget();
    const next = await world.job(dataOf("ls /data"), links);
    expect(next.output).toBe("1\nnew\nrest-1");
    expect(warnings(next)).toEqual([]);

    await world.forget();
    await world.service.evict(keys[0] ?? "");
    const cold = await world.job(dataOf("ls /data"), links);
    expect(cold.output).toBe("");
    expect(warnings(cold)).toHaveLength(1);
  });
});

describe("whole jobs", () => {
  let action: World;
  beforeAll(async () => {
    action = await openWorld();
  }, 900_000);
  afterAll(() => action.close());

  /** The action with both inputs, and a step. */
  async function job(name: string, run: string): Promise<JobResult> {
    const machine = await action.machine(name);
    const host = action.registry.host;
    const registries = `mkdir -p ~/.config/containers
printf '[[registry]]\\nlocation = "${host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf
cat >Containerfile <<'END'
FROM ${host}/${IMAGES.busybox}
RUN --mount=type=cache,target=/c echo line >>/c/log; cat /c/log
END
PATH=\${PODMAN%/*}:$PATH`;
    try {
      return await runJob(machine, {
        action: { path: actionPath },
        env: action.cache.environment(),
        steps: [
          {
            id: "podman",
            uses: true,
            with: { ...action.inputs, "cache-mounts": "true", "cache-volumes": "data" },
          },
          {
            id: "work",
            env: { PODMAN: "${{ steps.podman.outputs.podman }}" },
            run: `${registries}\n${run.replaceAll("IMAGE", `${host}/${IMAGES.busybox}`)}`,
          },
        ],
      });
    } finally {
      await machine.stop();
    }
  }
  const work = `podman build --no-cache .
podman run --rm --volume data:/data IMAGE sh -c 'echo x >>/data/x; cat /data/x'`;

  test("the second job has what the first built up, after one that failed and saved nothing", async () => {
    const failed = await job("failed", `${work}\nfalse`);
    expect(failed.post("podman").log).toContain("Nothing is saved: the job's status is failure");
    const first = await job("first", work);
    expect(first.post("podman").log.match(/^Saved podman-rootless-(store|mounts|volume)-/gm)).toHaveLength(3);
    const second = await job("second", work);
    expect(second.outcome).toBe("success");
    expect(second.step("work").log).toMatch(/\nline\nline\n[\s\S]*\nx\nx\n/);
    const warned = [first, second].flatMap(({ steps }) => steps.map(({ log }) => log)).join("\n");
    expect(warned).not.toMatch(/warning/i);
    expect(second).toMatchObject({ killed: [], survivors: [] });
  }, 900_000);
});
