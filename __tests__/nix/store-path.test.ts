import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { moveIn, removeTree } from "../../src/nix/store-path.ts";
import { write } from "../support/stores.ts";

let directory: string;
const at = (...names: string[]) => join(directory, ...names);
const modeOf = (path: string) => lstatSync(path).mode & 0o7777;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "store-path-"));
  mkdirSync(at("store"));
  write(at("new", "bin", "podman"), "new");
  for (const path of [at("new", "bin"), at("new")]) chmodSync(path, 0o555);
});

afterEach(() => {
  execFileSync("chmod", ["-R", "u+w", directory]);
  rmSync(directory, { recursive: true });
});

test("a directory is moved whole, and is read-only there", async () => {
  expect(await moveIn(at("new"), at("store", "path"))).toBe(true);
  expect(existsSync(at("new"))).toBe(false);
  expect(readFileSync(at("store", "path", "bin", "podman"), "utf8")).toBe("new");
  expect(modeOf(at("store", "path"))).toBe(0o555);
  expect(modeOf(at("store", "path", "bin"))).toBe(0o555);
});

test("files and links are moved as they are", async () => {
  write(at("file"), "file");
  chmodSync(at("file"), 0o444);
  symlinkSync("nowhere", at("link"));
  for (const name of ["file", "link"]) expect(await moveIn(at(name), at("store", name))).toBe(true);
  expect(modeOf(at("store", "file"))).toBe(0o444);
  expect(readlinkSync(at("store", "link"))).toBe("nowhere");
});

test.each<[string, () => void]>([
  ["a directory", () => write(at("store", "path", "file"), "old")],
  ["a file", () => write(at("store", "path"), "old")],
  ["a link that leads nowhere", () => symlinkSync("nowhere", at("store", "path"))],
])("%s that is there stays, and so does what was to be moved", async (_, make) => {
  make();
  const before = lstatSync(at("store", "path"), { bigint: true });
  expect(await moveIn(at("new"), at("store", "path"))).toBe(false);
  expect(lstatSync(at("store", "path"), { bigint: true })).toEqual(before);
  expect(readFileSync(at("new", "bin", "podman"), "utf8")).toBe("new");
});

test("what cannot be moved is an error", async () => {
  await expect(moveIn(at("new"), at("nowhere", "path"))).rejects.toThrow("ENOENT");
  await expect(moveIn(at("nothing"), at("store", "path"))).rejects.toThrow("ENOENT");
  expect(readdirSync(at("store"))).toEqual([]);
});

test("a read-only tree is removed", async () => {
  await moveIn(at("new"), at("store", "path"));
  await removeTree(at("store"));
  expect(existsSync(at("store"))).toBe(false);
});

test("nothing is removed where there is nothing", async () => {
  await removeTree(at("nothing"));
  expect(readdirSync(directory).sort()).toEqual(["new", "store"]);
});

test("of a link, the link is removed, and what it leads to stays as it is", async () => {
  symlinkSync(at("new"), at("link"));
  symlinkSync("nowhere", at("dangling"));
  for (const name of ["link", "dangling"]) await removeTree(at(name));
  expect(readdirSync(directory).sort()).toEqual(["new", "store"]);
  expect(modeOf(at("new"))).toBe(0o555);
  expect(modeOf(at("new", "bin"))).toBe(0o555);
});
