import { type Case, compare } from "../support/world/compare.ts";
import { client } from "../support/world/docker-job.ts";

/** Serves the API with the podman on PATH, by nix/serve.sh as the action does, while a client runs. */
const served = (run: string) => `mkdir api; sh /srv/nix/serve.sh start $PWD/api "$(command -v podman)"
trap 'sh /srv/nix/serve.sh stop $PWD/api' EXIT
until curl --silent --unix-socket api/podman.sock http://d/_ping >/dev/null; do sleep 0.1; done
mkdir -p ~/.config/containers/registries.conf.d
printf '[[registry]]\\nlocation = "%s"\\ninsecure = true\\n' $registry >~/.config/containers/registries.conf.d/plain.conf
export DOCKER_HOST=unix://$PWD/api/podman.sock TESTCONTAINERS_RYUK_DISABLED=true
${run}
rm -r ~/.config/containers/registries.conf.d`;

const cases: Case[] = [
  ["dockerode", served(client.dockerode("$image"))],
  ["testcontainers", served(client.testcontainers("$image"))],
];

compare(cases);
