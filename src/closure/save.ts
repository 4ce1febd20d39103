import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isFeatureAvailable } from "@actions/cache";
import { type Saved, upload } from "../cache/upload.ts";
import { type Environment, inside } from "../environment/environment.ts";
import { run } from "../exec.ts";
import { formatBytes, info, linesOf } from "../log.ts";
import type { Nix } from "../nix/find.ts";
import { makeSquashfs } from "../store/squashfs.ts";
import type { Form } from "./key.ts";
import { type ClosureRecord, rootsOf } from "./record.ts";
import { nameOf } from "./registration.ts";

/** A closure that a job has built or fetched, as post needs it to save it. */
export interface CachedClosure {
  key: string;
  digest: string;
  form: Form;
  nix: Nix;
  record: ClosureRecord;
}

/**
 * Saves the store paths of an environment, unless the cache has them already: then nothing is packed or uploaded.
 *
 * @param limit bytes that its archive may take
 * @param seconds that packing may take
 * @param temporary RUNNER_TEMP
 */
export async function saveClosure(
  environment: Environment,
  closure: CachedClosure,
  limit: number,
  seconds: number,
  temporary: string,
): Promise<Saved> {
  if (!isFeatureAvailable()) return { why: "No cache service here" };
  if (seconds <= 0) throw new Error("no time is left of cache-save-timeout");
  const { key, digest, form, record } = closure;
  return await upload(key, temporary, async (directory) => {
    const paths = await requisites(closure);
    const archive = join(directory, `${digest}.${form}`);
    await pack(environment, form, paths, archive, directory, seconds);
    const { size } = await stat(archive);
    if (size > limit) {
      await rm(archive);
      throw new Error(
        `they take ${formatBytes(size)}, more than cache-max-size (${formatBytes(limit)}); leave them out with cache-nix: false`,
      );
    }
    const registration = await nixStore(closure, ["--dump-db", ...paths]);
    await writeFile(join(directory, `${digest}.json`), JSON.stringify({ ...record, registration }));
    info(`Packed ${paths.length} store paths into ${formatBytes(size)}`);
  });
}

async function requisites(closure: CachedClosure): Promise<string[]> {
  const paths = linesOf(await nixStore(closure, ["--query", "--requisites", ...rootsOf(closure.record)]));
  const odd = paths.find((path) => nameOf(path) === undefined);
  if (odd !== undefined) throw new Error(`Nix names ${odd}, which is no path of /nix/store`);
  return [...new Set(paths)].sort();
}

const nixStore = ({ nix }: CachedClosure, args: readonly string[]): Promise<string> =>
  run(join(nix.bin, "nix-store"), args);

/** By the environment's own programs, from which the machine needs have none. Owners say nothing in a store. */
async function pack(
  environment: Environment,
  form: Form,
  paths: readonly string[],
  archive: string,
  directory: string,
  seconds: number,
): Promise<void> {
  if (form === "squashfs") {
    const sources = [...paths];
    return await makeSquashfs(environment, archive, { sources, directory, ownerless: true }, seconds);
  }
  await inside(environment, "timeout", [
    ...["--kill-after=5", String(Math.ceil(seconds)), "tar", "--create", `--file=${archive}`],
    ...["--format=posix", "--owner=0", "--group=0", "--numeric-owner", "--directory=/nix/store", "--"],
    ...paths.map((path) => nameOf(path) ?? ""),
  ]);
}
