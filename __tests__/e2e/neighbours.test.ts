// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { IMAGES } from "../support/assets/images.ts";
import { freePort } from "../support/free-port.ts";
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
  with: { ...world.inputs, cache: "false", "add-to-path": "true", ...inputs },
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
    // The command lines of redhat-actions/buildah-build v3, with and without a Containerfile.
    {
      id: "buildah-build",
      run: `podman pull --quiet ${base} >/dev/null
printf 'FROM ${base}\\nARG WORD\\nRUN echo $WORD >/word && chown 4321 /word\\n' >Containerfile
buildah version >/dev/null
buildah bud -f $PWD/Containerfile --format oci --tls-verify=true --build-arg WORD=built --label a=b --layers=true -t app:latest $PWD
buildah tag app:latest app:v1
buildah inspect --format '{{.FromImageDigest}}' app:latest`,
    },
    {
      id: "from-scratch",
      run: `echo content >file
container=$(buildah from --tls-verify=true ${base})
buildah config --entrypoint '["cat"]' --cmd /srv/file --env A=b --port 8080 --workingdir /srv $container
buildah copy $container file /srv/
buildah run $container -- sh -c 'id -u; stat -c %u /srv/file'
buildah commit --format oci --squash $container scratch:latest >/dev/null
buildah rm $container >/dev/null
podman run --rm scratch:latest`,
    },
    {
      id: "shared",
      run: `podman run --rm app:v1 sh -c 'cat /word; stat -c %u /word'; docker images --format '{{.Repository}}:{{.Tag}}' | sort; test "$(buildah images --quiet | sort)" = "$(podman images --quiet | sort)"`,
    },
    // redhat-actions/podman-login v1 logs in and copies what that leaves for the programs that know Docker's file only.
    {
      id: "podman-login",
      run: `podman login ${host} -u ${USER} -p ${PASSWORD} --verbose
mkdir -p ~/.docker; cp $XDG_RUNTIME_DIR/containers/auth.json ~/.docker/config.json; podman logout ${host}
skopeo login --get-login ${host}`,
    },
    // redhat-actions/push-to-registry v3: looks for the image in podman's store, then in Docker's, which is not there.
    {
      id: "push-to-registry",
      run: `podman manifest exists app:latest 2>/dev/null || echo no manifest
podman images --filter reference=app:latest --format '{{.Repository}}'
podman --root "$(mktemp -d)" pull docker-daemon:app:latest 2>/dev/null || echo no Docker
for tag in latest v1; do podman push --quiet --digestfile digest.txt localhost/app:$tag ${host}/app:$tag --tls-verify=true; done
test "$(cat digest.txt)" = "$(skopeo inspect --format '{{.Digest}}' docker://${host}/app:v1)"
skopeo copy --quiet containers-storage:localhost/scratch:latest docker://${host}/scratch:1
skopeo list-tags docker://${host}/app | tr -d ' \\n'`,
    },
    // docker/login-action writes the file of Docker's configuration, where DOCKER_CONFIG says, too.
    {
      id: "login-action",
      run: `mv ~/.docker elsewhere; podman pull --quiet ${host}/app:v1 2>/dev/null || echo refused
export DOCKER_CONFIG=$PWD/elsewhere; podman pull --quiet ${host}/app:v1 >/dev/null; buildah pull --quiet ${host}/app:v1 >/dev/null
unset DOCKER_CONFIG; REGISTRY_AUTH_FILE=$PWD/elsewhere/config.json skopeo inspect --format '{{.Name}}' docker://${host}/app:v1 | cut -d / -f 2`,
    },
    // A service container of the runner publishes its port on the host.
    {
      id: "service",
      run: `/opt/node24/bin/node -e '
for (const [host, port] of [["127.0.0.1", ${loopback}], ["0.0.0.0", ${everywhere}]])
  require("http").createServer((_, answer) => answer.end("service\\n")).listen(port, host);
' &
for port in ${loopback} ${everywhere}; do
  curl --silent --output /dev/null --retry 50 --retry-delay 1 --retry-connrefused 127.0.0.1:$port
done
podman run --rm --network host ${base} wget -qO- 127.0.0.1:${loopback}
podman run --rm ${base} wget -qO- host.containers.internal:${everywhere}
kill $!`,
    },
    use("second", { "storage-root": "second store" }),
    {
      id: "apart",
      run: `test "$(command -v podman)" = "\${{ steps.second.outputs.podman }}"
for podman in podman "\${{ steps.podman.outputs.podman }}" "\${{ steps.second.outputs.podman }}"; do $podman info --format '{{.Store.GraphRoot}}'; done
buildah images --quiet | wc -l; docker images --quiet | wc -l`,
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
  expect(log("from-scratch")).toMatch(/^0\n0\n[\s\S]*\ncontent$/m);
  const lines = log("shared").split("\n");
  expect(lines.slice(0, 2)).toEqual(["built", "4321"]);
  expect(lines).toEqual(
    expect.arrayContaining(["localhost/app:latest", "localhost/app:v1", "localhost/scratch:latest"]),
  );
});

test("logins of other actions are seen by all three", () => {
  expect(log("podman-login")).toMatch(new RegExp(`\\n${USER}$`));
  expect(log("push-to-registry")).toMatch(/^no manifest\n(localhost\/app\n){2}no Docker\n/);
  expect(log("push-to-registry")).toContain('"Tags":["latest","v1"]');
  expect(log("login-action").split("\n")).toEqual(["refused", "app"]);
});

test("containers reach a service on the host", () => {
  expect(log("service").split("\n")).toEqual(["service", "service"]);
});

test("a second use comes first on PATH, and the outputs stay apart", () => {
  const first = result.step("podman").outputs["storage-root"];
  const second = result.step("second").outputs["storage-root"];
  expect(second).toMatch(/\/second store$/);
  const [onPath, ofFirst, ofSecond, inSecond, inDocker] = log("apart").split("\n");
  expect([onPath, ofFirst, ofSecond]).toEqual([second, first, second]);
  expect(inSecond).toBe("0");
  // The shim is the first use's.
  expect(Number(inDocker)).toBeGreaterThan(2);
});
