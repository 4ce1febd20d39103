import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { narHash, narOf, readTree, serialize, serializeExport, type Tree } from "../../src/flake/nar.ts";
import { parseTree, writeTree } from "../../src/flake/tree-text.ts";

const repository = join(import.meta.dirname, "../..");
let directory: string;
const at = (...names: string[]) => join(directory, ...names);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "nar-"));
  mkdirSync(at("empty"));
  mkdirSync(at("tree", "deep", "er"), { recursive: true });
  // Sorted by bytes and by UTF-16 these come in another order.
  for (const name of [
    "\u{1F980}",
    "\uFF5E",
    "Z",
    "a",
    "ä",
    "10",
    "9",
    "__proto__",
    "a b",
    "a'b",
    "-n",
    ".x",
  ]) {
    writeFileSync(at("tree", name), name.repeat(3));
    symlinkSync(`/somewhere/${name}`, at("tree", "deep", name));
    symlinkSync("../x y", at("tree", "deep", "er", name));
  }
  for (const size of [0, 1, 7, 8, 9, 100_000]) {
    writeFileSync(at("tree", "deep", `of-${size}`), Buffer.alloc(size, "\xff\x00a", "latin1"));
  }
  chmodSync(at("tree", "a"), 0o500);
  chmodSync(at("tree", "Z"), 0o644);
  symlinkSync("nowhere", at("link"));
});

afterAll(() => rmSync(directory, { recursive: true }));

const bytesOf = async (tree: Tree): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  await serialize(tree, (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks);
};
const dump = (path: string) => execFileSync("nix-store", ["--dump", path], { maxBuffer: 1e9 });

const trees: [string, () => string][] = [
  ["an empty directory", () => at("empty")],
  ["a tree with odd names", () => at("tree")],
  ["a link", () => at("link")],
  ["a file", () => at("tree", "9")],
  ["an executable", () => at("tree", "a")],
  ["sources", () => join(repository, "src")],
  ["the action's bundle", () => join(repository, "dist")],
];

test.each(trees)("%s is serialised as by nix-store --dump", async (_, path) => {
  const tree = await readTree(path());
  const expected = dump(path());
  // Not toEqual: it would show all bytes.
  expect(Buffer.compare(await bytesOf(tree), expected)).toBe(0);
  const sri = execFileSync("nix", ["--extra-experimental-features", "nix-command", "hash", "path", path()]);
  expect(await narHash(tree)).toBe(sri.toString().trim());
});

test.each(trees)("%s survives JSON", async (_, path) => {
  const tree = await readTree(path());
  const text = JSON.parse(JSON.stringify(await writeTree(tree, 1e8)));
  expect(await narHash(parseTree(text))).toBe(await narHash(tree));
});

test("a tree's files may have so many bytes together and no more", async () => {
  writeFileSync(at("ten"), "0123456789");
  expect(await writeTree(await readTree(at("ten")), 10)).toEqual({ text: "0123456789" });
  const deep = await readTree(at("tree", "deep"));
  await expect(writeTree(deep, 100_024)).rejects.toThrow("its files have more than 100024 bytes");
});

test("store paths are exported as by nix-store --export", async () => {
  const path = execFileSync("nix-store", ["--add", at("tree")])
    .toString()
    .trim();
  const { nar, hash } = await narOf(await readTree(path));
  expect(hash).toBe(await narHash(await readTree(path)));
  const expected = execFileSync("nix-store", ["--export", path], { maxBuffer: 1e9 });
  expect(Buffer.compare(serializeExport([{ path, references: [], nar }]), expected)).toBe(0);
});

test("what Nix cannot keep is refused", async () => {
  execFileSync("mkfifo", [at("fifo")]);
  await expect(readTree(at("fifo"))).rejects.toThrow("/fifo is neither a directory, a file nor a link");
  mkdirSync(at("latin"));
  writeFileSync(Buffer.concat([Buffer.from(at("latin/")), Buffer.from([0xe4])]), "");
  await expect(readTree(at("latin"))).rejects.toThrow("/latin has a name that is not UTF-8: \uFFFD");
});
