// Run by node in the machine, as the action's own code is: `node ours.ts NAME REQUEST`. The last line of what it prints
// is the answer; request and answer are JSON.
import { mkdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { saveCache } from "@actions/cache";
import { bringBack } from "../../../../src/cache/bring-back.ts";
import { chainKey } from "../../../../src/cache/key.ts";
import { transitDirectory } from "../../../../src/cache/restore.ts";
import { inside } from "../../../../src/environment/environment.ts";
import { run } from "../../../../src/exec.ts";
import { attach } from "../../../../src/store/attach.ts";
import { keptContents } from "../../../../src/store/kept.ts";
import { pack, storeDigest } from "../../../../src/store/segment.ts";
import { writableSource } from "../../../../src/store/source.ts";
import { addedTo, readStore } from "../../../../src/store/store.ts";
import type { Answers, Requests, Way } from "./requests.ts";

type Handlers = { [Name in keyof Requests]: (request: Requests[Name]) => Promise<Answers[Name]> };

const handlers: Handlers = { pack: packAdded, attach: attachAndRun, publish, bringBack: fetchAndAttach };

/** What post does with what the store has got beyond `chain`, but for the upload; its archive is the library's. */
async function packAdded({
  environment,
  chain,
  directory,
  archive,
}: Requests["pack"]): Promise<Answers["pack"]> {
  const { graphRoot } = environment;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const start = performance.now();
  const below = await Promise.all(chain.map((digest) => keptContents(graphRoot, digest)));
  const { store } = addedTo(
    below.flatMap((contents) => contents?.store ?? []),
    await readStore(graphRoot),
  );
  const digest = storeDigest(store);
  await pack(environment, digest, store, await writableSource(graphRoot, store), directory, 3600);
  const tar = ["--create", "--file", archive, "--use-compress-program", "zstd -T0"];
  await run("tar", [...tar, "--directory", directory, `${digest}.squashfs`]);
  return { digest, milliseconds: performance.now() - start };
}

/** All that main does with a chain that is fetched, and the first container after it. */
async function attachAndRun({
  environment,
  segments,
  way,
  image,
}: Requests["attach"]): Promise<Answers["attach"]> {
  const start = performance.now();
  const { chain } = await attach(environment, segments, way === "unpacked");
  const restore = performance.now() - start;
  if (chain.length < segments.length) throw new Error(`attached ${chain.length} of ${segments.length}`);
  await inside(environment, "podman", ["run", "--rm", image, "true"]);
  const first = performance.now() - start;
  const mounts = await inside(environment, "cat", ["/proc/self/mounts"]);
  const done = wayOf(mounts);
  if (done !== way) throw new Error(`segments were ${done}, not ${way}:\n${mounts}`);
  return { restore, first };
}

/** @param mounts as in /proc/self/mounts */
function wayOf(mounts: string): Way {
  const type = /^\S+ \/\.segments\/[0-9a-f]+ (\S+) /m.exec(mounts)?.[1];
  if (type === undefined) return "unpacked";
  return type === "squashfs" ? "mounted by the kernel" : "mounted by squashfuse";
}

/** Has the cache service hold a segment as the first of a chain. */
async function publish({ segment, prefix, temporary }: Requests["publish"]): Promise<null> {
  const transit = transitDirectory(temporary);
  await mkdir(transit, { recursive: true });
  const there = join(transit, basename(segment.file));
  await rename(segment.file, there);
  const saved = await saveCache([transit], chainKey(prefix, [segment.digest]));
  await rename(there, segment.file);
  if (saved === -1) throw new Error(`${segment.file} was not saved`);
  return null;
}

/** What main leaves to post. */
async function fetchAndAttach(request: Requests["bringBack"]): Promise<Answers["bringBack"]> {
  const store = await bringBack(request.environment, request.prefix, request.temporary, false);
  if (!store?.chain.length) throw new Error("nothing was brought back");
  return store;
}

async function answer<Name extends keyof Requests>(name: Name, request: string): Promise<void> {
  console.log(`\n${JSON.stringify(await handlers[name](JSON.parse(request) as Requests[Name]))}`);
}

const [name = "", request = ""] = process.argv.slice(2);
await answer(name as keyof Requests, request);
// The cache library keeps connections open for a while.
process.exit();
