import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { runAsRoot } from "./run.ts";

/**
 * The folder that keeps what tests need between runs, outside the checkout: `PODMAN_ROOTLESS_TEST_CACHE`, or
 * `podman-rootless-tests` in the user's cache folder. It may be removed whole at any time when no test runs.
 */
export function cacheFolder(): string {
  const { PODMAN_ROOTLESS_TEST_CACHE: own, XDG_CACHE_HOME: user } = process.env;
  return own || join(user || join(homedir(), ".cache"), "podman-rootless-tests");
}

/** Sixteen hexadecimal digits that stand for a recipe: any JSON value. */
export function fingerprint(recipe: unknown): string {
  return createHash("sha256").update(JSON.stringify(recipe)).digest("hex").slice(0, 16);
}

/** The text of files next to this one, for a {@link fingerprint}: an edited recipe is a new recipe. */
export function sources(...names: string[]): Promise<string[]> {
  return Promise.all(names.map((name) => readFile(asset(name), "utf8")));
}

/** The path of a file next to this one. */
export function asset(name: string): string {
  return join(import.meta.dirname, name);
}

/**
 * The folder `NAME-FINGERPRINT` of the cache, made on first use by `make`, which fills the empty folder it is
 * given. A folder gets its final name only when whole, so one that exists can be used; what an interrupted
 * run left behind is removed. Parallel callers, in this process or another, wait for the first.
 *
 * @throws whatever `make` throws; nothing is kept then.
 */
export async function cached(
  name: string,
  recipe: unknown,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const root = cacheFolder();
  const path = join(root, `${name}-${fingerprint(recipe)}`);
  if (await exists(path)) return path;
  await mkdir(root, { recursive: true });
  const lock = await takeLock(join(root, `${name}.lock`));
  try {
    if (await exists(path)) return path;
    await removePartial(root, name);
    const partial = await mkdtemp(join(root, `${PARTIAL}${name}.`));
    try {
      await chmod(partial, 0o755);
      await make(partial);
      await rename(partial, path);
    } catch (error) {
      await removeTree(partial);
      throw error;
    }
    return path;
  } finally {
    lock.stdin?.end();
    await once(lock, "close");
  }
}

/** Removes a tree whoever owns its files, without descending into what may be mounted there. */
export async function removeTree(path: string): Promise<void> {
  await runAsRoot("rm", ["-rf", "--one-file-system", path]);
}

/** Marks a folder that is not whole yet. */
const PARTIAL = ".partial.";

async function removePartial(root: string, name: string): Promise<void> {
  for (const entry of await readdir(root)) {
    if (entry.startsWith(`${PARTIAL}${name}.`)) await removeTree(join(root, entry));
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Takes an exclusive lock that ends with the returned process, and so with this one even if it is killed: Node
 * has no flock(2), thus flock(1) holds it around a `cat` which echoes a byte once the lock is had.
 */
async function takeLock(file: string): Promise<ChildProcess> {
  const holder = spawn("flock", ["--close", file, "cat"], { stdio: ["pipe", "pipe", "inherit"] });
  holder.stdin.write("\n");
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once("data", () => resolve());
    holder.once("error", reject);
    holder.once("close", (code) => reject(new Error(`Cannot lock ${file}: flock ended with code ${code}`)));
  });
  return holder;
}
