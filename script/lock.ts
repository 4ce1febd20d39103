// Writes nix/rootfs.lock.json; see `script/lock --help`. Run by node 24, which takes TypeScript as it is.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tryRun } from "../src/exec.ts";
import { flakeDigest, lockName } from "../src/flake/digest.ts";
import { narHash, readTree } from "../src/flake/nar.ts";
import {
  type LockedRootfs,
  type LockedTree,
  lockVersion,
  type RootfsLock,
  readRootfsLock,
} from "../src/flake/rootfs-lock.ts";
import { writeTree } from "../src/flake/tree-text.ts";
import { lastWords, messageOf } from "../src/log.ts";
import { findNix, type Nix } from "../src/nix/find.ts";
import { currentSystem, type System } from "../src/nix/releases.ts";

/** Of the files in one store path that is written down: profiles, scripts, settings. */
const bytesAtMost = 1_000_000;

/** What a binary cache had an hour ago is not asked for. */
const options = [
  ["--extra-experimental-features", "nix-command flakes"],
  ["--option", "narinfo-cache-negative-ttl", "0"],
  ["--option", "narinfo-cache-positive-ttl", "0"],
].flat();

async function run(nix: Nix, what: string, program: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tryRun(join(nix.bin, program), args);
  if (code !== 0) throw new Error(`${what}: ${lastWords(stderr)}`);
  return stdout.trim();
}

/** The store path of a system's rootfs. */
async function build(nix: Nix, directory: string, system: string): Promise<string> {
  const installable = `${directory}#packages.${system}.rootfs`;
  const args = [...options, "build", "--json", "--no-link", "--no-write-lock-file", installable];
  const json = await run(nix, `Cannot build ${installable}`, "nix", args);
  const [result] = JSON.parse(json) as { outputs: { out: string } }[];
  if (result === undefined) throw new Error(`Nix built ${installable} and named no output`);
  return result.outputs.out;
}

/** Whether one of the binary caches has a store path. */
async function isCached(nix: Nix, path: string, caches: readonly string[]): Promise<boolean> {
  for (const cache of caches) {
    const args = [...options, "path-info", "--store", cache, path];
    const { code, stderr } = await tryRun(join(nix.bin, "nix"), args);
    if (code === 0) return true;
    if (!/is not valid/.test(stderr))
      throw new Error(`Cannot ask ${cache} for ${path}: ${lastWords(stderr)}`);
  }
  return false;
}

/**
 * Sorts a rootfs and what it refers to into what binary caches have and what is written down.
 *
 * @param caches URLs of binary caches
 * @throws {Error} for a store path that is in none of them and has large files
 */
export async function record(nix: Nix, rootfs: string, caches: readonly string[]): Promise<LockedRootfs> {
  const parts = new Set<string>();
  const trees = new Map<string, LockedTree>();
  const visit = async (path: string, by: string): Promise<void> => {
    if (parts.has(path) || trees.has(path)) return;
    if (path !== rootfs && (await isCached(nix, path, caches))) {
      parts.add(path);
      return;
    }
    const listed = await run(nix, `Cannot ask for ${path}`, "nix-store", ["--query", "--references", path]);
    const references = listed.split("\n").filter(Boolean).sort();
    for (const reference of references) if (reference !== path) await visit(reference, path);
    trees.set(path, await writeDown(nix, path, references, by, caches));
  };
  await visit(rootfs, "the flake");
  return { rootfs, parts: [...parts].sort(), trees: [...trees.values()] };
}

async function writeDown(
  nix: Nix,
  path: string,
  references: string[],
  by: string,
  caches: readonly string[],
): Promise<LockedTree> {
  const tree = await readTree(path);
  const hash = await narHash(tree);
  const expected = await run(nix, `Cannot hash ${path}`, "nix", [...options, "hash", "path", path]);
  if (hash !== expected)
    throw new Error(`${path} is ${expected} to Nix and ${hash} here: mend src/flake/nar.ts`);
  const text = await writeTree(tree, bytesAtMost).catch((error: unknown) => {
    throw new Error(
      `${path}, to which ${by} refers, is in no binary cache (${caches.join(", ")}) and cannot be written down: ${messageOf(error)}. Copy it to one (nix copy --to URL) and name that with --cache.`,
    );
  });
  return { path, narHash: hash, references, tree: text };
}

/** JSON with lists of words in lines as long as the code's. */
export function render(value: unknown, indent = ""): string {
  const inner = `${indent} `;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    const lines = [""];
    for (const item of value.map((text) => JSON.stringify(text))) {
      const last = lines.at(-1) ?? "";
      if (last !== "" && inner.length + last.length + item.length > 108) lines.push(item);
      else lines[lines.length - 1] = last === "" ? item : `${last}, ${item}`;
    }
    return lines.length === 1 ? `[${lines[0]}]` : `[\n${inner}${lines.join(`,\n${inner}`)}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const items = Array.isArray(value)
    ? value.map((item) => render(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${render(item, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return items.length === 0
    ? `${open}${close}`
    : `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
}

/** What the lock file says of this very flake. */
function readSystems(file: string, flake: string): RootfsLock["systems"] {
  try {
    const lock = JSON.parse(readFileSync(file, "utf8")) as RootfsLock;
    return lock.version === lockVersion && lock.flake === flake ? lock.systems : {};
  } catch {
    return {};
  }
}

/** @throws {Error} when the lock file is not of the flake as it is, or says nothing of one of the systems */
async function check(directory: string, systems: readonly string[]): Promise<void> {
  for (const system of systems) {
    if ((await readRootfsLock(directory, system as System)) === undefined)
      throw new Error(`There is no ${lockName}. Run script/lock.`);
  }
  console.log(`${lockName} is of this flake`);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      check: { type: "boolean", default: false },
      directory: { type: "string", default: fileURLToPath(new URL("..", import.meta.url)) },
      cache: { type: "string", multiple: true, default: ["https://cache.nixos.org"] },
    },
    allowPositionals: true,
  });
  const directory = resolve(values.directory);
  const systems = positionals.length > 0 ? positionals : [currentSystem() as string];
  if (values.check) return check(directory, systems);
  const nix = await findNix();
  if (nix === undefined)
    throw new Error("No Nix of 2.8 or newer is on PATH. Run script/bootstrap, or install Nix.");
  const file = join(directory, lockName);
  const flake = await flakeDigest(directory);
  const locks: Record<string, LockedRootfs> = { ...readSystems(file, flake) };
  for (const system of systems) {
    const locked = await record(nix, await build(nix, directory, system), values.cache);
    locks[system] = locked;
    console.log(`${system}: ${locked.rootfs}`);
    console.log(`  of binary caches: ${locked.parts.length}; written down:`);
    for (const { path } of locked.trees) console.log(`  ${path}`);
  }
  const sorted = Object.fromEntries(Object.entries(locks).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, `${render({ version: lockVersion, flake, systems: sorted })}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    console.error(`script/lock: ${messageOf(error)}`);
    process.exitCode = 1;
  });
}
