import type { State } from "../../../../src/state.ts";
import { loadWith } from "../../inputs.ts";
import { BUNDLE, type Desk, environmentOf, TEMPORARY, withoutSudo } from "./desk.ts";
import type { Restored, Way } from "./requests.ts";
import { loadArchive, restoreTar, type Stored, saveAsArchive, saveAsTar, sizeOf } from "./stored.ts";

/** Where everything is brought back to: emptied before each. */
const TARGET = "target";
const OUT = "/home/runner/out";

/** One way to bring a store back, from files that are there, to the end of a first container. */
export type Restore = (desk: Desk, stored: Stored) => Promise<Restored>;

const ours =
  (way: Way, env?: Record<string, string>): Restore =>
  async (desk, { segment, image }) => {
    const segments = await desk.renew(TARGET, [segment]);
    await warmedUp(desk);
    return desk.ours("attach", { environment: environmentOf(TARGET), segments, way, image }, env);
  };

const theirs =
  (script: (stored: Stored) => string): Restore =>
  async (desk, stored) => {
    await desk.renew(TARGET);
    await warmedUp(desk);
    const run = `at ${TARGET} exec podman run --rm ${stored.image} true`;
    const [restore = 0, first = 0] = await timed(desk, script(stored), run);
    return { restore, first };
  };

export const restores = {
  "mounted by the kernel": ours("mounted by the kernel"),
  "mounted by squashfuse": ours("mounted by squashfuse", withoutSudo),
  unpacked: ours("unpacked"),
  "tar and zstd": theirs(({ tarball }) => restoreTar(TARGET, tarball)),
  "podman load": theirs(({ archive }) => loadArchive(TARGET, archive)),
  "podman pull": theirs(({ image }) => `at ${TARGET} exec podman pull --quiet --tls-verify=false ${image}`),
} satisfies Record<string, Restore>;

/** Cold is what was not used yet: a job's main has asked podman for its version by then. */
async function warmedUp(desk: Desk): Promise<void> {
  await desk.chill();
  await desk.sh(
    `at ${TARGET} exec podman --version; at ${TARGET} exec true; node --version; zstd --version; sudo true`,
  );
}

/** All files of an image, read in a container, from the disk. */
export async function readImage(desk: Desk, stored: Stored, store: string): Promise<number> {
  await desk.chill();
  // The container is there before the time is taken; what it needs of the image is small.
  const container = await desk.sh(`at ${store} exec podman run --detach ${stored.image} sleep infinity`);
  const read = "find / -xdev -type f -exec cat {} + >/dev/null";
  const [milliseconds = 0] = await timed(desk, `at ${store} exec podman exec ${container} sh -c '${read}'`);
  await desk.sh(`at ${store} exec podman rm --force --time 0 ${container}`);
  return milliseconds;
}

/** As {@link readImage}, of what was mounted. */
export async function readMounted(
  desk: Desk,
  stored: Stored,
  way: Exclude<Way, "unpacked">,
): Promise<number> {
  await restores[way](desk, stored);
  return readImage(desk, stored, TARGET);
}

/** What a save took, and how much it wrote. */
export interface Saved {
  milliseconds: number;
  bytes: number;
}

/** @param chain digests of the segments that the store stands on */
export async function saveSegment(desk: Desk, store: string, chain: string[]): Promise<Saved> {
  const environment = environmentOf(store);
  const directory = `${OUT}.segments`;
  await desk.sh(`rm -f ${OUT}`);
  const { milliseconds } = await desk.ours("pack", { environment, chain, directory, archive: OUT });
  return { milliseconds, bytes: await sizeOf(desk, OUT) };
}

export const saveTar = (desk: Desk, store: string) => saved(desk, saveAsTar(store, OUT));

export const saveArchive = (desk: Desk, store: string, image: string) =>
  saved(desk, saveAsArchive(store, image, OUT));

async function saved(desk: Desk, script: string): Promise<Saved> {
  await desk.sh(`rm -f ${OUT}`);
  const [milliseconds = 0] = await timed(desk, script);
  return { milliseconds, bytes: await sizeOf(desk, OUT) };
}

/** The whole of post, node's start and the environment's end too, of a job that added nothing. */
export async function postUnchanged(desk: Desk, stored: Stored): Promise<Saved> {
  const prefix = await stored.published();
  await desk.renew(TARGET);
  const environment = environmentOf(TARGET);
  const store = await desk.ours("bringBack", { environment, prefix, temporary: TEMPORARY });
  await desk.sh(`at ${TARGET} exec podman run --rm ${stored.image} true`);
  const before = uploaded(desk);
  const state: State = {
    started: true,
    environment,
    settings: loadWith({ "github-token": "" }).cache,
    cache: store,
  };
  const [milliseconds = 0] = await timed(desk, `node ${BUNDLE} >post.log`, ":", {
    STATE_state: JSON.stringify(state),
  });
  const log = await desk.sh("cat ~/post.log");
  if (!log.includes("nothing to save")) throw new Error(`post of an unchanged store: ${log}`);
  return { milliseconds, bytes: uploaded(desk) - before };
}

const uploaded = ({ service }: Desk): number =>
  service.entries().reduce((sum, { size }) => sum + (size ?? 0), 0);

/** Milliseconds until each of two scripts has ended, from the start of the first, seen from within the machine. */
async function timed(
  desk: Desk,
  first: string,
  second = ":",
  env: Record<string, string> = {},
): Promise<number[]> {
  const script = `first() { ${first}
  }
  second() { ${second}
  }
  from=$EPOCHREALTIME; first >/dev/null; middle=$EPOCHREALTIME; second >/dev/null; to=$EPOCHREALTIME
  echo $((\${middle/./} - \${from/./})) $((\${to/./} - \${from/./}))`;
  const printed = await desk.sh(script, env);
  return printed.split(" ").map((microseconds) => Number(microseconds) / 1000);
}
