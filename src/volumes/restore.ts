import { mkdtemp, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isFeatureAvailable } from "@actions/cache";
import { warning } from "@actions/core";
import { fetchChain, findChain } from "../cache/restore.ts";
import { type Environment, inside, tryInside } from "../environment/environment.ts";
import { refuseWithoutSpace } from "../files.ts";
import { formatBytes, info, messageOf } from "../log.ts";
import { bytesOf, isEmpty, list } from "./listing.ts";
import { readRecord, writeRecord } from "./record.ts";
import { unpack } from "./segment.ts";
import { fileNameOf, groundOf, kindOf, provideGround, type Tree, titleOf } from "./tree.ts";

/** A tree's place in the cache, as post needs it to save what is new. */
export interface CachedTree extends Tree {
  /** Digests of the segments that it was made of, oldest first. */
  chain: string[];
  /** The cache has another chain: what is saved next has to be newer, even where a job before has saved the same. */
  cut: boolean;
}

/**
 * Brings a tree back from the cache, unless there is something in it already. A fault is a warning, and leaves it as
 * it was.
 *
 * @param temporary RUNNER_TEMP
 */
export async function bringBack(
  environment: Environment,
  tree: Tree,
  temporary: string,
): Promise<CachedTree> {
  const directory = await mkdtemp(join(temporary, "podman-rootless-volumes-"));
  try {
    return { ...tree, ...(await tryBringBack(environment, tree, temporary, directory)) };
  } catch (error) {
    warning(`The ${titleOf(tree)} cannot be brought back: ${messageOf(error)}`);
    return { ...tree, chain: [], cut: true };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function tryBringBack(
  environment: Environment,
  tree: Tree,
  temporary: string,
  directory: string,
): Promise<Pick<CachedTree, "chain" | "cut">> {
  // Of which the image store's stage has warned.
  if (!isFeatureAvailable()) return { chain: [], cut: false };
  const kind = kindOf(tree);
  const { chain: found, cut } = await findChain(tree.prefix, temporary, kind);
  const present = await groundOf(environment, tree);
  const listing = present && (await list(environment, present.root, directory));
  if (listing !== undefined && !isEmpty(listing)) return await reuse(environment, tree, found);
  if (found.length === 0) return { chain: [], cut };
  const segments = await fetchChain(tree.prefix, found, temporary, directory, kind);
  const chain = segments.map(({ digest }) => digest);
  const files = segments.map(({ file }) => file);
  const [last] = files.slice(-1);
  if (last === undefined) return { chain, cut: true };
  const { root } = await provideGround(environment, tree, last, directory);
  await unpackAll(environment, files, root, directory);
  const back = (await list(environment, root, directory)) ?? new Map();
  await writeRecord(environment.graphRoot, fileNameOf(tree), { prefix: tree.prefix, chain, listing: back });
  info(`The ${titleOf(tree)}: ${formatBytes(bytesOf(back))} in ${back.size} entries are back`);
  return { chain, cut: chain.length < found.length };
}

/** A tree that is still there from an earlier job on this machine, or that somebody else has filled. */
async function reuse(
  { graphRoot }: Environment,
  tree: Tree,
  found: readonly string[],
): Promise<Pick<CachedTree, "chain" | "cut">> {
  info(`The ${titleOf(tree)}: there is something in it already; it stays as it is`);
  const record = await readRecord(graphRoot, fileNameOf(tree));
  // Without the first segment the others are worth nothing.
  return record !== undefined && record.prefix === tree.prefix && found[0] === record.chain[0]
    ? { chain: record.chain, cut: false }
    : { chain: [], cut: found.length > 0 };
}

/** Puts segments together beside the place that is meant, and takes it when all is well. */
async function unpackAll(
  environment: Environment,
  files: readonly string[],
  root: string,
  directory: string,
): Promise<void> {
  const beside = `${root}.restored`;
  // Of a job that was killed.
  await inside(environment, "rm", ["-rf", beside]);
  await inside(environment, "mkdir", ["--mode=700", beside]);
  try {
    for (const file of files) {
      await refuseWithoutSpace((await stat(file)).size, dirname(root));
      await unpack(environment, file, beside, directory);
    }
    // Over an empty directory; one that has been filled meanwhile is not replaced.
    await inside(environment, "mv", ["--no-target-directory", beside, root]);
  } catch (error) {
    await tryInside(environment, "rm", ["-rf", beside]);
    throw error;
  }
}
