import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isFeatureAvailable } from "@actions/cache";
import { warning } from "@actions/core";
import { chainKey } from "../cache/key.ts";
import { notSaved, type Saved, upload } from "../cache/upload.ts";
import { shortDigest } from "../digest.ts";
import type { Environment } from "../environment/environment.ts";
import { formatBytes, info, messageOf } from "../log.ts";
import { bytesOf, type Difference, difference, isEmpty, type Listing, list } from "./listing.ts";
import { readRecord, writeRecord } from "./record.ts";
import type { CachedTree } from "./restore.ts";
import { pack } from "./segment.ts";
import { fileNameOf, type Ground, groundOf, kindOf, titleOf } from "./tree.ts";

/** More segments than this are not stacked up: all of them are fetched, also what has been replaced since. */
export const longestChain = 4;
/** How often a tree is packed in which files go away meanwhile. */
const attempts = 3;

export interface SaveSettings {
  /** Bytes that the files of a tree may take. */
  limit: number;
  /** Seconds that packing may take. */
  seconds: number;
  /** Number of this workflow run, unlike any before. */
  run: string;
}

/**
 * Saves what has changed in a tree since it was brought back as the next segment of its chain; or all of it as the
 * first of a new one, where the chain is long or most has changed. Nothing is packed or uploaded where nothing has.
 *
 * @param temporary RUNNER_TEMP, as when it was brought back
 */
export async function save(
  environment: Environment,
  tree: CachedTree,
  settings: SaveSettings,
  temporary: string,
): Promise<Saved> {
  if (!isFeatureAvailable()) return { why: "No cache service here" };
  const ground = await groundOf(environment, tree);
  if (ground === undefined) return notSaved(`There are no ${titleOf(tree)}: nothing to save`);
  const directory = await mkdtemp(join(temporary, "podman-rootless-volumes-"));
  try {
    return await saveGround(environment, tree, ground, settings, temporary, directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function saveGround(
  environment: Environment,
  tree: CachedTree,
  { root, labels }: Ground,
  { limit, seconds, run }: SaveSettings,
  temporary: string,
  directory: string,
): Promise<Saved> {
  const { graphRoot } = environment;
  const title = titleOf(tree);
  let now = await list(environment, root, directory);
  if (now === undefined || isEmpty(now)) return notSaved(`There are no ${title}: nothing to save`);
  const size = bytesOf(now);
  if (size > limit) {
    const excess = `${formatBytes(size)} are more than cache-max-size (${formatBytes(limit)})`;
    warning(`The ${title} are not saved: ${excess}`);
    return { why: excess };
  }

  const record = await readRecord(graphRoot, fileNameOf(tree));
  const known = record?.prefix === tree.prefix && record.chain.join() === tree.chain.join();
  let chain = known ? tree.chain : [];
  let base: Listing = known && record !== undefined ? record.listing : new Map();
  let change = difference(base, now);
  if (change === undefined) return notSaved(`The ${title}: nothing new to save`);
  if (chain.length >= longestChain || change.bytes > size / 2) {
    chain = [];
    base = new Map();
    change = difference(base, now) as Difference;
  }
  const salt = [...tree.chain, ...(tree.cut ? [run] : [])].join(".");
  const digest = digestOf(change, now, salt);
  const saved = await upload(chainKey(tree.prefix, [...chain, digest]), temporary, async (transit) => {
    const file = join(transit, `${digest}${kindOf(tree).suffix}`);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await pack(environment, root, change as Difference, labels, file, directory, seconds);
        break;
      } catch (error) {
        if (attempt === attempts) throw error;
        info(`The ${title}: once more, as something has changed meanwhile (${messageOf(error)})`);
        now = (await list(environment, root, directory)) ?? new Map();
        change = difference(base, now) ?? { packed: [], removed: [], bytes: 0 };
      }
    }
    const { packed, removed } = change as Difference;
    const packedSize = formatBytes((await stat(file)).size);
    info(`The ${title}: ${packed.length} entries packed into ${packedSize}, ${removed.length} removed`);
  });
  if (!("key" in saved)) return saved;
  await writeRecord(graphRoot, fileNameOf(tree), {
    prefix: tree.prefix,
    chain: [...chain, digest],
    listing: now,
  });
  return saved;
}

/** The name of what a segment changes. */
function digestOf({ packed, removed }: Difference, now: Listing, salt: string): string {
  const states = packed.map((path) => [path, now.get(path)?.type, now.get(path)?.state]);
  const text = JSON.stringify([salt, removed, states]);
  return shortDigest(text);
}
