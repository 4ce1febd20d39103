import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { onMachine } from "../nix/find.ts";
import { fileKind, realStorePath, type StorePlace } from "./store-files.ts";

/**
 * What podman runs, and what this action runs beside it. Not newuidmap and newgidmap: in a store they are not setuid
 * root, so only the machine's are of use.
 */
export const helperNames: readonly string[] = [
  ...[
    "aardvark-dns",
    "buildah",
    "catatonit",
    "conmon",
    "crun",
    "dnsmasq",
    "fuse-overlayfs",
    "fusermount",
    "fusermount3",
  ],
  ...[
    "ip6tables",
    "ip6tables-nft",
    "iptables",
    "iptables-nft",
    "mksquashfs",
    "netavark",
    "nft",
    "passt",
    "pasta",
  ],
  ...[
    "pasta.avx2",
    "podman-remote",
    "quadlet",
    "rootlessport",
    "runc",
    "skopeo",
    "slirp4netns",
    "squashfuse",
  ],
  ...["squashfuse_ll", "unsquashfs"],
];

/** Where packages keep programs. */
const folders = ["bin", "sbin", "libexec/podman", "lib/podman"];

/** Directories with programs: those of the store paths that come first win. */
export const programFolders = (storePaths: readonly string[]): string[] =>
  storePaths.flatMap((path) => folders.map((folder) => join(path, folder)));

/**
 * Finds podman, and the programs that it needs, in directories of a store.
 *
 * @param directories absolute, as Nix names them; of two programs of a name the first one's wins
 * @returns paths by name, as Nix names them; undefined where there is no podman that can be run
 */
export async function findPrograms(
  place: StorePlace,
  directories: readonly string[],
): Promise<Record<string, string> | undefined> {
  const named = new Map<string, string[]>();
  for (const directory of new Set(directories)) {
    for (const name of await readdir(
      onMachine(place, (await realStorePath(place, directory)) ?? directory),
    ).catch(() => [])) {
      named.set(name, [...(named.get(name) ?? []), join(directory, name)]);
    }
  }
  const podman = await choosePodman(place, named.get("podman") ?? []);
  if (podman === undefined) return undefined;
  const programs: Record<string, string> = { podman };
  for (const name of helperNames) {
    for (const path of named.get(name) ?? []) {
      const real = await realStorePath(place, path);
      if (real === undefined || !(await isHarmless(place, real))) continue;
      programs[name] = path;
      break;
    }
  }
  return programs;
}

async function isHarmless(place: StorePlace, real: string): Promise<boolean> {
  const file = await fileKind(place, real);
  return file.kind === "compiled" || (file.kind === "script" && !asksForRoot(file.text));
}

/** Whether a script would change the machine, by sudo, or its own store path, by setcap. */
export const asksForRoot = (script: string): boolean => /\b(sudo|setcap|doas|pkexec)\b/.test(script);

/** The podmans that a script names by their paths in a store: what it runs is among them. */
export const podmansIn = (script: string): string[] => [
  ...new Set(
    script.match(/\/nix\/store\/[0-9a-z]{32}-[\w.+?=-]+(?:\/[\w.+-]+)*\/\.?podman(?:-wrapped)?(?![\w-])/g) ??
      [],
  ),
];

interface Trail {
  /** Where it begins. */
  path: string;
  /** The compiled program at its end. */
  program: string;
  /** Whether no script on the way asks for root. */
  clean: boolean;
}

/**
 * The podman to run: the program that the first one leads to, by way of the scripts around it that only give it its
 * helpers, as nixpkgs' do, where there are such. Scripts that ask for root are passed by.
 */
async function choosePodman(place: StorePlace, paths: readonly string[]): Promise<string | undefined> {
  const trails: Trail[] = [];
  for (const path of paths) {
    const trail = await follow(place, path, 0);
    if (trail !== undefined) trails.push(trail);
  }
  const [first] = trails;
  if (first === undefined) return undefined;
  const clean = trails.filter((trail) => trail.clean && trail.program === first.program);
  const wrapper = await findWrapper(place, clean);
  return (wrapper ?? clean[0])?.path ?? first.program;
}

async function findWrapper(place: StorePlace, trails: readonly Trail[]): Promise<Trail | undefined> {
  for (const trail of trails) if ((await realStorePath(place, trail.path)) !== trail.program) return trail;
  return undefined;
}

/** A script that wraps a wrapper of a wrapper is enough. */
const deepest = 5;

async function follow(place: StorePlace, path: string, depth: number): Promise<Trail | undefined> {
  const real = await realStorePath(place, path);
  if (real === undefined) return undefined;
  const file = await fileKind(place, real);
  if (file.kind === "compiled") return { path, program: real, clean: true };
  if (file.kind === "neither" || depth === deepest) return undefined;
  for (const next of podmansIn(file.text)) {
    const trail = await follow(place, next, depth + 1);
    if (trail !== undefined) return { ...trail, path, clean: trail.clean && !asksForRoot(file.text) };
  }
  return undefined;
}
