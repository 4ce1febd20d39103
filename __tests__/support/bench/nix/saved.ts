// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { renameSync, statSync } from "node:fs";
import { IMAGES } from "../../assets/images.ts";
import type { CacheService, Entry } from "../../cache-service/index.ts";
import { runJob } from "../../runner/job.ts";
import type { RunStep } from "../../runner/workflow.ts";
import { actionPath } from "../../world/world.ts";
import type { Desk } from "./desk.ts";

/** What a job has left in the cache service, and the same closure as people would keep it. */
export interface Saved {
  /** Of the closure's entry. */
  key: string;
  /** Where the closure and the image store can be downloaded from. */
  urls: string[];
  /** Of the closure's archive, and of all that `urls` give. */
  bytes: { closure: number; all: number; tarball: number };
  /** The host's path of the closure's store paths, in `tar` and `zstd -3`. */
  tarball: string;
}

const TARBALL = "/home/runner/closure.tar.zst";

/** All that the segment has, by hand. */
const tar: RunStep = {
  id: "tar",
  run: `cd /nix/store
    nix-store --query --requisites $(readlink -f /nix/var/nix/gcroots/podman-rootless/*) | xargs -n 1 basename |
      tar --create --file - --files-from - | zstd -q -T0 -3 -o ${TARBALL}`,
};

/** Runs a job that installs Nix, builds the environment, pulls an image of 0.1 GB, and saves all of that. */
export async function saveAll({ world, fresh }: Desk): Promise<Saved> {
  const image = `${world.registry.host}/${IMAGES.debian}`;
  const podman = "${{ steps.podman.outputs.podman }}";
  const tarball = world.path("closure.tar.zst");
  await fresh(async (machine) => {
    const { outcome, steps } = await runJob(machine, {
      action: { path: actionPath },
      env: world.cache.environment(),
      steps: [
        { id: "podman", uses: true, with: world.inputs },
        { id: "pull", run: `${podman} pull --quiet --tls-verify=false ${image}` },
        tar,
      ],
    });
    if (outcome !== "success") throw new Error(steps.map(({ log }) => log).join("\n"));
    renameSync(machine.directory(TARBALL), tarball);
  });
  const entries = world.cache.entries();
  const closure = entries.find(({ key }) => key.includes("-closure-"));
  if (closure === undefined || entries.length !== 2) {
    throw new Error(`a job saved ${entries.map(({ key }) => key).join(", ") || "nothing"}`);
  }
  return {
    key: closure.key,
    urls: await Promise.all(entries.map((entry) => downloadUrl(world.cache, entry))),
    bytes: {
      closure: closure.size,
      all: entries.reduce((sum, { size }) => sum + size, 0),
      tarball: statSync(tarball).size,
    },
    tarball,
  };
}

/** As @actions/cache asks for it. */
async function downloadUrl(service: CacheService, { key, version }: Entry): Promise<string> {
  const call = `${service.url}/twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL`;
  const answer = await fetch(call, {
    method: "POST",
    headers: { authorization: `Bearer ${service.token()}` },
    body: JSON.stringify({ key, version }),
  });
  const { signed_download_url: url } = (await answer.json()) as { signed_download_url?: string };
  if (url === undefined) throw new Error(`${key} cannot be had: status ${answer.status}`);
  return url;
}
