import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { tryRunAsRoot } from "../exec.ts";
import { isThere } from "../files.ts";
import { ownDirectory } from "../place.ts";
import type { Undo } from "./finding.ts";

/** Where what is not in the job's own directories goes. Absolute paths. */
export interface Places {
  /** Where image stores are; the environment itself removes a store. */
  storageRoot: string;
  /** Where the environment lays its run root over the user's. */
  runtimeDirectory: string;
}

/**
 * Takes back what the stages after this one make outside of the job's own directories: Nix, its caches, and directories
 * around the image store and of the run root. What is there already is left alone.
 */
export async function traces(places: Places): Promise<Undo[]> {
  const caches = await missing([
    ...[join(cacheHome(), "nix"), join(stateHome(), "nix")],
    ...[join(ownDirectory(), "roots"), join(ownDirectory(), "rootfs")],
  ]);
  const directories = await missing([
    ...caches.flatMap(upwards),
    ...upwards(join(dataHome(), "containers", "cache")),
    ...[places.storageRoot, ...runDirectories(places.runtimeDirectory)].flatMap((path) => [
      path,
      ...upwards(path),
    ]),
    ...(await cgroupOfConmon()),
  ]);
  const emptied = directories.sort().reverse();
  return [
    ...(await nixTraces()),
    ...(emptied.length === 0
      ? []
      : [removal("directories that are empty now", ["rmdir", "--ignore-fail-on-non-empty", ...emptied])]),
    ...caches.map((directory) => removal(directory, ["rm", "-rf", directory])),
    ...(await homeTraces()),
  ];
}

/** A store below the home directory, of a user who may have none at /nix. */
async function homeTraces(): Promise<Undo[]> {
  const [store] = await missing([join(ownDirectory(), "nix")]);
  if (store === undefined) return [];
  return [removal(store, ["rm", "-rf", store]), removal(store, ["chmod", "-R", "u+w", store])];
}

/** What enter.sh and podman make in the runtime directory: mount points of the environment, and empty. */
function runDirectories(runtimeDirectory: string): string[] {
  const layers = ["overlay", "vfs"].flatMap((name) => [
    name,
    `${name}-containers`,
    `${name}-layers`,
    `${name}-locks`,
  ]);
  return [
    ...["networks", ...layers].map((name) => join("containers", name)),
    ...["crun", "runc", "netns", "libpod"],
  ].map((name) => join(runtimeDirectory, name));
}

/** Where podman may make cgroups, it makes one for conmon below that of its caller. */
async function cgroupOfConmon(): Promise<string[]> {
  const text = await readFile("/proc/self/cgroup", "utf8").catch(() => "");
  const [, own] = /^0::(.*)$/m.exec(text) ?? [];
  return own === undefined ? [] : [join("/sys/fs/cgroup", own, "conmon")];
}

const upwards = (path: string): string[] =>
  path === dirname(path) ? [] : [dirname(path), ...upwards(dirname(path))];

async function missing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    [...new Set(paths)].map(async (path) => ((await isThere(path)) ? [] : [path])),
  );
  return found.flat();
}

/** A store that was empty before is emptied; its files are read-only, as Nix wants them. Undone from last to first. */
async function nixTraces(): Promise<Undo[]> {
  if (!(await isThere("/nix"))) {
    // Nobody else makes it.
    const { code } = await tryRunAsRoot("true", []);
    return code === 0 ? [removal("/nix", ["rm", "-rf", "/nix"], false)] : [];
  }
  const added: string[] = [];
  for (const directory of ["/nix/store", "/nix/var"]) if (!(await isThere(directory))) added.push(directory);
  if (added.length === 0) return [];
  return [
    removal(added.join(" "), ["rm", "-rf", ...added]),
    removal("/nix", ["chmod", "-R", "u+w", ...added]),
  ];
}

const removal = (what: string, command: [string, ...string[]], asUser = true): Undo => ({
  name: `Remove ${what}`,
  step: { kind: "run", command, asUser },
  when: "unless-kept",
});

const cacheHome = (): string => process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
const dataHome = (): string => process.env.XDG_DATA_HOME || join(homedir(), ".local", "share");
const stateHome = (): string => process.env.XDG_STATE_HOME || join(homedir(), ".local", "state");
