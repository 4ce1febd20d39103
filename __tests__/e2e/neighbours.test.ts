// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import { freePort } from "../support/free-port.ts";
import { NODE } from "../support/runner/context.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import type { Step } from "../support/runner/workflow.ts";
import { allowRegistry } from "../support/world/docker-job.ts";
import { failures } from "../support/world/flakes-job.ts";
import {
  PASSWORD,
  type SecureRegistry,
  startSecureRegistry,
  USER,
} from "../support/world/secure-registry.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

let world: World;
let registry: SecureRegistry;
let result: JobResult;
const log = (id: string) => result.step(id).log.trim();

const use = (id: string, inputs: Record<string, string>): Step => ({
  id,
  uses: true,
  with: { ...world.inputs, "cache-nix": "false", "add-to-path": "true", socket: "true", ...inputs },
});

beforeAll(async () => {
  world = await openWorld();
  registry = await startSecureRegistry({ login: true });
  const base = `${world.registry.host}/${IMAGES.busybox}`;
  const [loopback, everywhere] = [await freePort(), await freePort()];
  const { host, authority } = registry;
  const trust = `mkdir -p ~/.config/containers/certs.d/${host}\ncat >~/.config/containers/certs.d/${host}/ca.crt <<'END'\n${authority}END`;
  const machine = await world.machine("neighbours");
  const steps: Step[] = [
    allowRegistry(world.registry.host),
    { id: "trust", run: trust },
    use("podman", { "docker-shim": "true" }),
    {
      id: "path",
      run: `command -v podman buildah skopeo docker; for program in podman buildah skopeo docker; do $program --version | cut -d ' ' -f 1; done
podman info --format '{{.Store.GraphRoot}}'; buildah info --format '{{.store.GraphRoot}}'`,
    },
    // The command lines of redhat-actions/buildah-build v3, with and without a Containerfile. Where the machine's
    // storage.conf says overlay, it also names the machine's fuse-overlayfs.
    {
      id: "buildah-build",
      env: { STORAGE_OPTS: "overlay.mount_program=/usr/bin/fuse-overlayfs" },
      run: `podman pull --quiet ${base} >/dev/null
printf 'FROM ${base}\\nARG WORD\\nRUN echo $WORD >/word && chown 4321 /word\\n' >Containerfile
buildah version >/dev/null
buildah bud -f $PWD/Containerfile --label a=b --build-arg WORD=built --format oci --tls-verify=true --layers=true -t app:latest $PWD
buildah tag app:latest app:v1
buildah images --format '{{.Digest}}' app:latest
buildah bud --arch amd64 -f $PWD/Containerfile --format docker --tls-verify=true --ulimit nofile=1024:1024 -t many:latest-amd64 $PWD
buildah manifest rm many:latest || true
buildah manifest create many:latest
buildah manifest add many:latest many:latest-amd64`,
    },
    {
      id: "from-scratch",
      run: `echo content >file
container=$(buildah from --tls-verify=true ${base})
buildah config --entrypoint '["cat","/srv/file"]' --port 8080 --env A=b --workingdir /srv $container
buildah copy $container file /srv/
buildah run $container -- sh -c 'id -u; stat -c %u /srv/file'
buildah commit --format oci --squash $container scratch:latest >/dev/null 2>&1
buildah rm $container >/dev/null
podman run --rm --entrypoint '["cat","/srv/file"]' scratch:latest`,
    },
    {
      id: "shared",
      run: `podman run --rm app:v1 sh -c 'cat /word; stat -c %u /word'; docker images --format '{{.Repository}}:{{.Tag}}' | sort; test "$(buildah images --quiet | sort)" = "$(podman images --quiet | sort)"`,
    },
    // redhat-actions/podman-login v1 logs in, names the file for buildah, and copies what is in it for Docker's clients.
    {
      id: "podman-login",
      run: `podman version >/dev/null
podman login ${host} -u ${USER} -p ${PASSWORD} --verbose
echo REGISTRY_AUTH_FILE=$XDG_RUNTIME_DIR/containers/auth.json >>"$GITHUB_ENV"
mkdir -p ~/.docker; cp $XDG_RUNTIME_DIR/containers/auth.json ~/.docker/config.json
skopeo login --get-login ${host}`,
    },
    // redhat-actions/push-to-registry v3: looks for the image in podman's store, then in Docker's, which is not there.
    {
      id: "push-to-registry",
      run: `podman manifest exists app:latest || echo no manifest
podman image exists app:latest
from=$(mktemp -d)
program=overlay.mount_program=/usr/bin/fuse-overlayfs
podman --root $from --storage-opt $program pull docker-daemon:app:latest 2>/dev/null || echo no Docker
for tag in latest v1; do podman push --quiet --digestfile digest.txt localhost/app:$tag ${host}/app:$tag --tls-verify=true; done
podman manifest exists many:latest
podman manifest push --quiet --digestfile digests.txt localhost/many:latest ${host}/many:latest --all --tls-verify=true
podman --root $from --storage-opt $program rmi -a -f
rm -r $from
test "$(cat digest.txt)" = "$(skopeo inspect --format '{{.Digest}}' docker://${host}/app:v1)"
skopeo copy --quiet containers-storage:localhost/scratch:latest docker://${host}/scratch:1
buildah push --quiet scratch:latest docker://${host}/scratch:2
for name in app many scratch; do skopeo list-tags docker://${host}/$name | tr -d ' \\n'; done`,
    },
    // As podman-login ends; of its file and of Docker's none is left to be found.
    {
      id: "logout",
      run: `podman logout ${host}; mv ~/.docker elsewhere
for pull in "podman pull" "buildah pull" "skopeo inspect"; do $pull docker://${host}/app:v1 >/dev/null 2>&1 || echo refused; done`,
    },
    // docker/login-action writes the file of Docker's configuration, where DOCKER_CONFIG says, too.
    ...[
      { id: "docker-config", where: "export DOCKER_CONFIG=$PWD/elsewhere" },
      { id: "registry-auth-file", where: "export REGISTRY_AUTH_FILE=$PWD/elsewhere/config.json" },
      { id: "docker-home", where: "mv elsewhere ~/.docker" },
    ].map(({ id, where }) => ({
      id,
      run: `unset REGISTRY_AUTH_FILE; ${where}
podman pull --quiet ${host}/app:v1 >/dev/null; buildah pull --quiet ${host}/app:v1 >/dev/null
skopeo inspect --format '{{.Name}}' docker://${host}/app:v1 | cut -d / -f 2`,
    })),
    // With the shim, docker/login-action logs in by it.
    {
      id: "shim-login",
      run: `unset REGISTRY_AUTH_FILE; rm -r ~/.docker
printf ${PASSWORD} | docker login --password-stdin --username ${USER} ${host}
podman pull --quiet ${host}/app:v1 >/dev/null; docker logout ${host}`,
    },
    // A service of the host's: its own process, or a container of the runner's Docker.
    {
      id: "service",
      run: `cat >service.mjs <<'END'
import { createServer } from "node:http";
for (const [address, port] of [["127.0.0.1", ${loopback}], ["0.0.0.0", ${everywhere}]])
  createServer((_, reply) => reply.end("service\\n")).listen(port, address);
END
${NODE} service.mjs >/dev/null 2>&1 &
for port in ${loopback} ${everywhere}; do curl --silent --output /dev/null --retry 50 --retry-delay 1 --retry-connrefused 127.0.0.1:$port; done
podman run --rm --network host ${base} wget -qO- 127.0.0.1:${loopback}
podman run --rm ${base} wget -qO- -T 20 host.containers.internal:${everywhere}
kill $!`,
    },
    use("second", { "storage-root": "second store", "cache-key": "second" }),
    {
      id: "apart",
      run: `test "$(command -v podman)" = "\${{ steps.second.outputs.podman }}"
for podman in podman "\${{ steps.podman.outputs.podman }}" "\${{ steps.second.outputs.podman }}"; do $podman info --format '{{.Store.GraphRoot}}'; done
buildah images --quiet | wc -l; docker images --quiet | wc -l
for socket in "\${{ steps.podman.outputs.socket }}" "\${{ steps.second.outputs.socket }}" "\${DOCKER_HOST#unix://}"; do
  curl --silent --fail --unix-socket $socket http://d/v1.40/images/json | grep -q localhost/app:v1 && echo has app || echo none
done
podman pull --quiet ${base} >/dev/null`,
    },
  ];
  result = await runJob(machine, { action: { path: actionPath }, env: world.cache.environment(), steps });
  await machine.stop();
}, 900_000);
afterAll(async () => {
  await registry.close();
  await world.close();
});

test("every step passes, and nothing is left", () => {
  expect(failures(result)).toEqual([]);
  expect(result).toMatchObject({ killed: [], survivors: [] });
});

test("podman, buildah, skopeo and docker are on PATH, and on one store", () => {
  const { podman = "", "storage-root": store } = result.step("podman").outputs;
  const beside = (name: string) => podman.replace(/podman$/, name);
  expect(log("path").split("\n")).toEqual([
    podman,
    beside("buildah"),
    beside("skopeo"),
    podman.replace(/bin\/podman$/, "docker-shim/docker"),
    ...["podman", "buildah", "skopeo", "podman"],
    store,
    store,
  ]);
});

test("what buildah builds, podman runs and lists", () => {
  expect(log("from-scratch").split("\n").slice(-3)).toEqual(["0", "0", "content"]);
  const lines = log("shared").split("\n");
  expect(lines.slice(0, 2)).toEqual(["built", "4321"]);
  expect(lines).toEqual(
    expect.arrayContaining(["localhost/app:latest", "localhost/app:v1", "localhost/scratch:latest"]),
  );
});

test("logins of other actions are seen by all three", () => {
  expect(log("podman-login")).toMatch(new RegExp(`\\n${USER}$`));
  expect(log("push-to-registry")).toMatch(/\nno manifest\nno Docker\n/);
  for (const tags of [
    /app","Tags":\["latest","v1"\]/,
    /many","Tags":\["latest"\]/,
    /scratch","Tags":\["[12]","[12]"\]/,
  ])
    expect(log("push-to-registry")).toMatch(tags);
  expect(log("logout").split("\n").slice(-3)).toEqual(["refused", "refused", "refused"]);
  for (const id of ["docker-config", "registry-auth-file", "docker-home"]) expect(log(id)).toBe("app");
  expect(log("shim-login")).toContain("Login Succeeded!");
});

test("containers reach a service on the host", () => {
  expect(log("service").split("\n")).toEqual(["service", "service"]);
});

test("a second use comes first on PATH, and the outputs stay apart", () => {
  const first = result.step("podman").outputs["storage-root"];
  const second = result.step("second").outputs["storage-root"];
  expect(second).toMatch(/\/second store$/);
  const [onPath, ofFirst, ofSecond, inSecond, inDocker, ...images] = log("apart").split("\n");
  expect([onPath, ofFirst, ofSecond]).toEqual([second, first, second]);
  expect(inSecond).toBe("0");
  // The shim is the first use's.
  expect(Number(inDocker)).toBeGreaterThan(2);
  expect(images).toEqual(["has app", "none", "none"]);
  for (const [id, name] of [
    ["podman", "default"],
    ["second", "second"],
  ] as const)
    expect(result.post(id).log).toMatch(new RegExp(`Saved \\S*-store-\\S*${name}`));
});
