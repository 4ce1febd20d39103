import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { treeHash } from "../../src/closure/tree.ts";
import { write } from "../support/stores.ts";

let directory: string;
const at = (...names: string[]) => join(directory, ...names);
const nixHash = (path: string) =>
  execFileSync("nix", ["--extra-experimental-features", "nix-command", "hash", "path", path], {
    encoding: "utf8",
  }).trim();

// Three directories, two files with 10 bytes together, and a link.
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tree-"));
  write(at("tree", ".git", "HEAD"), "12345");
  write(at("tree", "sub", "file"), "67890");
  symlinkSync("nowhere", at("tree", "sub", "link"));
});

afterEach(() => rmSync(directory, { recursive: true }));

test("a tree's hash is that by which Nix knows it", async () => {
  expect(await treeHash(at("tree"))).toBe(nixHash(at("tree")));
  chmodSync(at("tree", "sub", "file"), 0o755);
  expect(await treeHash(at("tree"))).toBe(nixHash(at("tree")));
});

test("names at its top are left out, and none below", async () => {
  write(at("tree", "sub", ".git"), "of a submodule");
  const hash = await treeHash(at("tree"), [".git"]);
  expect(hash).not.toBe(nixHash(at("tree")));
  rmSync(at("tree", ".git"), { recursive: true });
  expect(hash).toBe(nixHash(at("tree")));
});

test.each([
  [true, { entries: 6, bytes: 10 }],
  [false, { entries: 5, bytes: 10 }],
  [false, { entries: 6, bytes: 9 }],
])("a tree is looked through: %s, up to %j", async (is, bounds) => {
  expect(await treeHash(at("tree"), [], bounds)).toBe(is ? nixHash(at("tree")) : undefined);
});

test("what is left out does not count", async () => {
  const hash = await treeHash(at("tree"), [".git"], { entries: 4, bytes: 5 });
  rmSync(at("tree", ".git"), { recursive: true });
  expect(hash).toBe(nixHash(at("tree")));
});

test.each<[string, () => void]>([
  ["a pipe", () => execFileSync("mkfifo", [at("tree", "pipe")])],
  [
    "a name that is not UTF-8",
    () => writeFileSync(Buffer.concat([Buffer.from(at("tree/")), Buffer.from([0xe4])]), ""),
  ],
  ["nothing", () => rmSync(at("tree"), { recursive: true })],
])("with %s it has none", async (_, change) => {
  change();
  expect(await treeHash(at("tree"))).toBeUndefined();
});

test("an empty directory is a tree, and so is a file", async () => {
  mkdirSync(at("empty"));
  for (const path of [at("empty"), at("tree", "sub", "file")])
    expect(await treeHash(path)).toBe(nixHash(path));
});
