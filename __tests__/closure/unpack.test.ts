import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { treeHash } from "../../src/closure/tree.ts";
import { bringIn, type Source } from "../../src/closure/unpack.ts";
import { write } from "../support/stores.ts";

let directory: string;
const at = (...names: string[]) => join(directory, ...names);
const nameFor = (name: string) =>
  `${createHash("sha256").update(name).digest("hex").slice(0, 32).replaceAll("e", "z")}-${name}`;
const [podman, certificates, link] = ["podman", "certificates.crt", "link"].map(nameFor) as [
  string,
  string,
  string,
];
const all = [podman, certificates, link];
const pack = (names: readonly string[]) =>
  execFileSync("tar", ["--create", "--file", at("archive.tar"), "--directory", at("built"), "--", ...names]);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "unpack-"));
  write(at("built", podman, "bin", "podman"), "podman");
  symlinkSync("bin/podman", at("built", podman, "link"));
  write(at("built", certificates), "certificates");
  symlinkSync(`/nix/store/${podman}`, at("built", link));
  chmodSync(at("built", podman, "bin", "podman"), 0o555);
  for (const path of [at("built", podman, "bin"), at("built", podman)]) chmodSync(path, 0o555);
  chmodSync(at("built", certificates), 0o444);
  pack(all);
});

afterEach(() => {
  execFileSync("chmod", ["-R", "u+w", directory]);
  rmSync(directory, { recursive: true });
});

const sources: [string, () => Source][] = [
  ["an archive", () => ({ tar: at("archive.tar") })],
  ["a directory", () => ({ directory: at("built") })],
];

describe.each(sources)("of %s", (_, source) => {
  test("all store paths are brought into a store that is not there yet", async () => {
    expect(await bringIn(source(), all, at("a", "store"))).toEqual(all);
    expect(readdirSync(at("a", "store")).sort()).toEqual(all.toSorted());
    expect(await treeHash(at("a", "store"))).toBe(await treeHash(at("built")));
    expect(lstatSync(at("a", "store", podman)).mode & 0o777).toBe(0o555);
    expect(lstatSync(at("a", "store", podman, "bin")).mode & 0o777).toBe(0o555);
    expect(lstatSync(at("a", "store", certificates)).mode & 0o777).toBe(0o444);
  });

  test("those that are named alone are", async () => {
    expect(await bringIn(source(), [link], at("store"))).toEqual([link]);
    expect(readdirSync(at("store"))).toEqual([link]);
  });

  test("those that are there stay as they are, with all else", async () => {
    write(at("store", podman, "bin", "podman"), "earlier");
    symlinkSync("nowhere", at("store", link));
    write(at("store", "other"), "other");
    expect(await bringIn(source(), all, at("store"))).toEqual([certificates]);
    expect(readFileSync(at("store", podman, "bin", "podman"), "utf8")).toBe("earlier");
    expect(readdirSync(at("store")).sort()).toEqual([...all, "other"].sort());
  });

  test.each<[string, string, RegExp]>([
    [
      "a program that runs as its owner",
      "chmod u+w . && touch su && chmod 4755 su",
      /bin\/su \(-rwsr-xr-x\)/,
    ],
    [
      "a program that runs as its group",
      "chmod u+w . && touch su && chmod 2755 su",
      /bin\/su \(-rwxr-sr-x\)/,
    ],
    ["a device", "chmod u+w . && mknod disk b 7 0", /bin\/disk \(brw-/],
    ["a pipe", "chmod u+w . && mkfifo pipe", /bin\/pipe \(prw-/],
  ])("%s in one is refused, and nothing of it is left", async (_what, script, words) => {
    execFileSync("sh", ["-euc", script], { cwd: at("built", podman, "bin") });
    // As root tar keeps all that is in an archive, and cp in a directory.
    pack(all);
    await expect(bringIn(source(), all, at("store"))).rejects.toThrow(words);
    expect(readdirSync(at("store"))).toEqual([]);
  });

  test("nothing is left of them where one is not to be had", async () => {
    write(at("store", "other"), "other");
    await expect(bringIn(source(), [...all, nameFor("lacking")], at("store"))).rejects.toThrow(/lacking/);
    expect(readdirSync(at("store"))).toEqual(["other"]);
  });

  test("more of them than go into one command are brought in", async () => {
    const many = Array.from({ length: 1001 }, (_entry, index) => nameFor(`${index}`));
    for (const name of many) write(at("built", name), name);
    pack(many);
    expect(await bringIn(source(), many, at("store"))).toEqual(many);
    expect(readdirSync(at("store")).sort()).toEqual(many.toSorted());
  });
});

test("nothing is read where nothing is missing", async () => {
  mkdirSync(at("store"));
  for (const name of all) write(at("store", name), "there");
  expect(await bringIn({ tar: at("nowhere.tar") }, all, at("store"))).toEqual([]);
  expect(await bringIn({ directory: at("nowhere") }, [], at("store"))).toEqual([]);
});

test("nothing is left of an archive that is cut off", async () => {
  write(at("store", "other"), "other");
  const bytes = readFileSync(at("archive.tar"));
  const half = bytes.subarray(
    0,
    bytes.indexOf("certificates", bytes.indexOf(certificates) + certificates.length),
  );
  await writeFile(at("archive.tar"), half);
  await expect(bringIn({ tar: at("archive.tar") }, all, at("store"))).rejects.toThrow(/^tar /);
  expect(readdirSync(at("store"))).toEqual(["other"]);
});

test("what another job brings in meanwhile is that job's", async () => {
  execFileSync("mkfifo", [at("pipe")]);
  const brought = bringIn({ tar: at("pipe") }, all, at("store"));
  // Until tar reads, when it is known what was missing.
  const pipe = await open(at("pipe"), "w");
  write(at("store", certificates), "another job's");
  await pipe.writeFile(readFileSync(at("archive.tar")));
  await pipe.close();
  expect(await brought).toEqual([podman, link]);
  expect(readFileSync(at("store", certificates), "utf8")).toBe("another job's");
  expect(existsSync(at("store", podman, "bin", "podman"))).toBe(true);
  expect(readdirSync(at("store")).sort()).toEqual(all.toSorted());
});
