import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianRoot, environmentPackages, type Release, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { IMAGES, imageRegistryData } from "../assets/images.ts";
import { startRegistry } from "../assets/registry.ts";
import { freePort } from "../free-port.ts";
import type { ExecResult } from "../machine/exec.ts";
import { startMachine } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import { node24 } from "../runner/node.ts";
import { clientMounts } from "./docker-job.ts";
import { fhsRoot } from "./environment.ts";
import { repository } from "./world.ts";

/** What a script did, without what differs from one run to the next. */
export type Outcome = Pick<ExecResult, "code" | "stdout" | "stderr">;

export interface Pair {
  native: Outcome;
  ours: Outcome;
}

/** A machine with a podman of Debian's, and enter.sh with the same podman. */
export interface NativeMachine {
  /**
   * Runs a bash script twice as the user, in an empty directory, first with Debian's `podman` and `skopeo` on PATH,
   * then with ours; each has the image `$image` in its store. It ends with the first command that fails. Set for it,
   * the same both times: `$registry`, where $image is from, with plain HTTP and open for uploads; `$port`, a free one.
   */
  both(script: string): Promise<Pair>;
  /** Runs a script once, with both at hand: `native podman` and `ours podman`. */
  sh(script: string): Promise<ExecResult>;
  /** Removes what scripts left in both stores, but for $image: one that ended early cleans up nothing. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

const WORK = "/home/runner/case";
const NAMES = ["native", "ours"] as const;

const TIDY = `podman pod rm --all --force; podman rm --all --force --time 0; podman volume rm --all --force
podman network prune --force; podman secret rm --all; podman image prune --force
podman images --format '{{.Repository}}:{{.Tag}}' | grep -vxF "$image" | xargs --no-run-if-empty podman rmi --force
podman image exists "$image" || podman pull --tls-verify=false "$image"`;

/**
 * Starts such a machine of a Debian release, with the podman of that; both podmans have the same driver and no other
 * configuration of the user's.
 *
 * @param packages of Debian's that the machine has besides, and the environment has not
 */
export async function startNativeMachine(
  release: Release = "trixie",
  packages: readonly string[] = [],
): Promise<NativeMachine> {
  const scratch = mkdtempSync(join(tmpdir(), "native-"));
  const images = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
  const registry = await startRegistry({ directory: join(scratch, "registry") });
  const machine = await startMachine({
    image: await debianRoot({
      release,
      name: packages.length > 0 ? "native-more" : "native",
      packages: [...RUNNER_PACKAGES, ...environmentPackages(release), ...packages],
    }),
    directory: join(scratch, "machine"),
    subordinateIds: "runner:100000:65536",
    node: node24(),
    mounts: [
      { source: join(repository, "nix"), target: "/srv/nix" },
      { source: await fhsRoot(release), target: "/srv/debian" },
      ...clientMounts,
    ],
  });
  const image = `${registry.host}/${IMAGES.busybox}`;

  const sh = (script: string, { user = "runner", path = "/opt/bin", cwd = "/home/runner", port = 0 } = {}) =>
    machine.exec(["bash", "-euo", "pipefail", "-c", script], {
      user,
      cwd,
      timeout: 110_000,
      env: {
        PATH: `${path}:/usr/local/bin:/usr/bin:/bin`,
        XDG_RUNTIME_DIR: "/run/user/1001",
        registry: registry.host,
        image,
        port: String(port),
      },
    });
  const must = async (script: string, user?: string) =>
    outputOf(script, await sh(script, user === undefined ? {} : { user }));
  const run = async (name: (typeof NAMES)[number], script: string, port: number): Promise<Outcome> => {
    // Builds keep their cache mounts by user (podman 4: for all users), not by store.
    await must(`rm -rf ${WORK} /var/tmp/buildah-cache*; install -d -o runner -g runner ${WORK}`, "root");
    const { code, stdout, stderr } = await sh(script, { path: `/opt/${name}`, cwd: WORK, port });
    return { code, stdout: alike(stdout), stderr: alike(stderr) };
  };

  // Debian's are where PATH ends; `native` and `ours` run a command with one or the other.
  const enter = "exec sh /srv/nix/enter.sh --rootfs /srv/debian exec";
  await must(
    `cd /opt; mkdir native ours bin
    for name in podman skopeo; do printf '#!/bin/sh\\n${enter} %s "$@"\\n' $name >ours/$name; done
    for name in ${NAMES.join(" ")}; do printf '#!/bin/sh\\nPATH=/opt/%s:$PATH; exec "$@"\\n' $name >bin/$name; done
    chmod +x ours/* bin/*`,
    "root",
  );
  // Debian's defaults for the driver and short names are not ours: the user's own, where it is asked for.
  await must(`mkdir -p ~/.config/containers; cd ~/.config/containers
    printf '[storage]\\ndriver = "overlay"\\n[storage.options.overlay]\\nmount_program = "/usr/bin/fuse-overlayfs"\\n' >storage.conf
    printf 'unqualified-search-registries = ["%s"]\\n' $registry >registries.conf
    skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false docker://${images.host}/${IMAGES.busybox} docker://$image`);
  for (const name of NAMES) await must(`/opt/bin/${name} podman pull --quiet --tls-verify=false $image`);
  await images.close();

  return {
    both: async (script) => {
      const port = await freePort();
      return { native: await run("native", script, port), ours: await run("ours", script, port) };
    },
    sh: (script) => sh(script),
    tidy: async () => {
      for (const name of NAMES) await must(`set +e; PATH=/opt/${name}:$PATH; ${TIDY}`);
    },
    close: async () => {
      await machine.stop();
      await registry.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Replaces what no two runs of one podman have in common, and where each side keeps its store and state. */
function alike(text: string): string {
  return varying.reduce((seen, [pattern, name]) => seen.replace(pattern, name), text);
}

const varying: [RegExp, string][] = [
  [/\/home\/runner\/\.local\/share\/(containers|podman-rootless)\/storage/g, "STORE"],
  // Its run root lies over the host's: only mount tables show what is below.
  [/\/user\/1001\/podman-rootless\/\d+\/run\/run\//g, "/"],
  // Kubernetes allows an annotation one digit less.
  [/(?<![0-9a-f])[0-9a-f]{63,64}(?![0-9a-f])/g, "ID"],
  // podman 4 names it by where its state is.
  [/rootless-netns-[0-9a-f]{20}/g, "rootless-netns"],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID"],
  [/\b[0-9a-f]{12}\b|(?<=--> )[0-9a-f]{11}\b/g, "ID"],
  [/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, "MAC"],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} [A-Z]+|Z|[+-]\d\d:\d\d)?/g, "TIME"],
  // A container that ends before podman 4's name server has said its pid.
  [/^.*Unable to clean up network for container.* aardvark pid not found.*\n/gm, ""],
  // Of a window's size that reaches a container which has just ended.
  [/^.*(container|process) not running: No such process.*\r?\n/gm, ""],
  // What script(1) types when its own input ends, shown where the terminal happens to echo.
  [/\^@/g, ""],
  [/"((Conmon)?Pid)": \d+/g, '"$1": PID'],
  [/(\/var\/tmp\/[a-z_]+)\d+/g, "$1NUMBER"],
];
