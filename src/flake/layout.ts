import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { shortDigest } from "../digest.ts";
import { replaceFile } from "../files.ts";
import type { Contents } from "./contents.ts";

/** What of a machine's own goes into a tree: names, by directory. */
export interface MachineFiles {
  /** Of /, those that hold software beside /usr, /bin and /sbin: lib, lib64. */
  root: string[];
  /** Of /usr. */
  usr: string[];
  /** Of /usr/libexec and of /usr/libexec/podman. */
  libexec: string[];
  podmanLibexec: string[];
  /** Of /etc. */
  etc: string[];
  /** Directories with programs, in the order of a PATH, and what is in them. */
  programs: [directory: string, names: string[]][];
}

/** Where the environment has the machine's root; enter.sh keeps it where /etc/passwd leads there. */
const host = "/host";

/** The files of /etc without which the machine's programs do not run, or not as on the machine; the rest is enter.sh's. */
const etcNames = [
  ...[
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "crypto-policies",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
  ],
  ...["ld.so.conf.d", "pki", "profile", "ssl", "terminfo"],
];

/** Where machines keep programs; the last is NixOS's, which has next to none elsewhere. */
const programDirectories = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"];

/**
 * The links of a tree in which a flake's programs stand beside the machine's own, and instead of those of the same name.
 *
 * @param programs absolute paths by name
 * @returns targets by path, relative to the tree
 */
export function planTree(
  programs: Readonly<Record<string, string>>,
  machine: MachineFiles,
): Map<string, string> {
  const links = new Map<string, string>();
  const add = (path: string, target: string) => links.has(path) || links.set(path, target);
  for (const [name, path] of Object.entries(programs)) {
    add(`usr/bin/${name}`, path);
    // Where podman looks first: before the machine's own /usr/lib/podman.
    add(`usr/libexec/podman/${name}`, path);
    if (machine.programs.some(([directory, names]) => directory === "/usr/sbin" && names.includes(name)))
      add(`usr/sbin/${name}`, path);
  }
  for (const [directory, names] of machine.programs) {
    const to = directory.endsWith("/sbin") ? "usr/sbin" : "usr/bin";
    // What is neither in /usr nor beside it has the same path in the environment.
    const from = /^(\/usr)?\/s?bin$/.test(directory) ? `${host}${directory}` : directory;
    for (const name of names) add(`${to}/${name}`, `${from}/${name}`);
  }
  for (const name of machine.podmanLibexec)
    add(`usr/libexec/podman/${name}`, `${host}/usr/libexec/podman/${name}`);
  for (const name of machine.libexec.filter((entry) => entry !== "podman"))
    add(`usr/libexec/${name}`, `${host}/usr/libexec/${name}`);
  for (const name of machine.usr.filter((entry) => !["bin", "sbin", "libexec"].includes(entry)))
    add(`usr/${name}`, `${host}/usr/${name}`);
  for (const name of machine.root) add(name, `${host}/${name}`);
  for (const name of ["bin", "sbin"]) add(name, `usr/${name}`);
  add("etc/passwd", `${host}/etc/passwd`);
  for (const name of etcNames.filter((entry) => machine.etc.includes(entry)))
    add(`etc/${name}`, `${host}/etc/${name}`);
  return links;
}

async function readMachine(): Promise<MachineFiles> {
  const names = async (path: string) => (await readdir(path).catch(() => [])).sort();
  return {
    root: (await names("/")).filter((name) => /^lib/.test(name)),
    usr: await names("/usr"),
    libexec: await names("/usr/libexec"),
    podmanLibexec: await names("/usr/libexec/podman"),
    etc: await names("/etc"),
    programs: await Promise.all(
      programDirectories.map(async (path): Promise<[string, string[]]> => [path, await names(path)]),
    ),
  };
}

/**
 * The FHS root for a flake's contents on this machine: its own, or a tree of links around its programs. The tree of the
 * same programs has the same path on every machine with the same user, and follows the machine's own programs.
 *
 * @param directory of such trees
 * @returns its absolute path
 */
export async function layOutRootfs(contents: Contents, directory: string): Promise<string> {
  if (contents.kind === "fhs") return contents.path;
  const programs = Object.entries(contents.programs).sort(([a], [b]) => (a < b ? -1 : 1));
  const tree = join(directory, shortDigest(JSON.stringify(programs)));
  const links = planTree(contents.programs, await readMachine());
  // The tree is whole when the list beside it says so.
  const list = [...links].map(([path, target]) => `${path} ${target}\n`).join("");
  const file = `${tree}.links`;
  if ((await readFile(file, "utf8").catch(() => "")) === list) return tree;
  await rm(file, { force: true });
  await makeLinks(tree, links);
  await replaceFile(file, list);
  return tree;
}

const folders = ["usr/bin", "usr/sbin", "usr/libexec/podman", "etc"];

/** In the names of links that are on their way. */
const unfinished = ".new-";

/** In place, as an environment may stand on the tree, and by two jobs at once as well as by one. */
async function makeLinks(tree: string, links: ReadonlyMap<string, string>): Promise<void> {
  const expected = new Set(
    [...folders, "usr/libexec", ...links.keys()].flatMap((path) => [path, dirname(path)]),
  );
  for (const folder of ["", "usr", "usr/libexec", ...folders]) {
    await mkdir(join(tree, folder), { recursive: true });
    for (const name of await readdir(join(tree, folder))) {
      const path = join(folder, name);
      if (expected.has(path) || name.includes(unfinished)) continue;
      await rm(join(tree, path), { force: true, recursive: true });
    }
  }
  for (const [path, target] of links) await makeLink(join(tree, path), target);
}

async function makeLink(path: string, target: string): Promise<void> {
  const leads = async () => (await readlink(path).catch(() => undefined)) === target;
  if (await leads()) return;
  const made = await symlink(target, path).then(
    () => true,
    () => false,
  );
  // Another job may have been faster.
  if (made || (await leads())) return;
  const beside = `${path}${unfinished}${randomUUID()}`;
  await symlink(target, beside);
  await rename(beside, path);
}
