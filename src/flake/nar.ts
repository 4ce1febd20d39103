import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";

/** A file system object as far as Nix keeps it: no owners, no times, one permission. */
export type Tree =
  | { kind: "directory"; entries: Map<string, Tree> }
  | { kind: "link"; target: string }
  | { kind: "file"; executable: boolean; read(): Promise<Buffer> };

/** Takes the bytes of a serialisation, in order. */
export type Sink = (chunk: Buffer) => void;

/** A store path, as `nix-store --import` takes it in. */
export interface ExportedPath {
  path: string;
  /** Store paths, sorted; the path itself where it refers to itself. */
  references: string[];
  /** The serialisation of its tree. */
  nar: Buffer;
}

/** Serialises a tree as `nix-store --dump` does; see "Nix Archive (NAR)" in Nix's manual. */
export async function serialize(tree: Tree, sink: Sink): Promise<void> {
  sink(words("nix-archive-1"));
  await serializeNode(tree, sink);
}

async function serializeNode(tree: Tree, sink: Sink): Promise<void> {
  if (tree.kind === "link") return sink(words("(", "type", "symlink", "target", tree.target, ")"));
  if (tree.kind === "file") {
    const mark = tree.executable ? ["executable", ""] : [];
    sink(words("(", "type", "regular", ...mark, "contents"));
    sink(field(await tree.read()));
    return sink(words(")"));
  }
  sink(words("(", "type", "directory"));
  for (const [name, child] of sorted(tree.entries)) {
    sink(words("entry", "(", "name", name, "node"));
    await serializeNode(child, sink);
    sink(words(")"));
  }
  sink(words(")"));
}

/** The hash by which Nix knows a tree, such as "sha256-u0p...=": of its serialisation, in base64. */
export async function narHash(tree: Tree): Promise<string> {
  const hash = createHash("sha256");
  await serialize(tree, (chunk) => hash.update(chunk));
  return `sha256-${hash.digest("base64")}`;
}

/** The serialisation of a tree, and its hash as by {@link narHash}. */
export async function narOf(tree: Tree): Promise<{ nar: Buffer; hash: string }> {
  const chunks: Buffer[] = [];
  await serialize(tree, (chunk) => chunks.push(chunk));
  const nar = Buffer.concat(chunks);
  return { nar, hash: `sha256-${createHash("sha256").update(nar).digest("base64")}` };
}

/** "NIXE", little endian. */
const exportMagic = 0x4558494e;

/**
 * Serialises store paths as `nix-store --export` does.
 *
 * @param paths each after those that it refers to
 */
export function serializeExport(paths: readonly ExportedPath[]): Buffer {
  const each = paths.flatMap(({ path, references, nar }) => [
    number(1),
    nar,
    number(exportMagic),
    words(path),
    number(references.length),
    words(...references),
    // No deriver, and no signature.
    words(""),
    number(0),
  ]);
  return Buffer.concat([...each, number(0)]);
}

/** How much of a tree is looked at. */
export interface Bounds {
  entries: number;
  /** Of files' contents. */
  bytes: number;
}

/**
 * The tree at a path of the file system; links are not followed. Contents of files are read when asked for.
 *
 * @param except names at its top to leave out
 * @throws {Error} for what is neither directory, file nor link, for names that are not UTF-8, and for a tree beyond bounds
 */
export async function readTree(
  path: string,
  bounds: Bounds = { entries: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
  except: readonly string[] = [],
): Promise<Tree> {
  return await readNode(path, { ...bounds }, except);
}

async function readNode(path: string, left: Bounds, except: readonly string[] = []): Promise<Tree> {
  const stat = await lstat(path);
  left.entries -= 1;
  left.bytes -= stat.isFile() ? stat.size : 0;
  if (left.entries < 0 || left.bytes < 0) throw new Error(`${path} is one file too many`);
  if (stat.isSymbolicLink()) return { kind: "link", target: utf8(await readlink(path, "buffer"), path) };
  if (stat.isFile()) {
    return { kind: "file", executable: (stat.mode & 0o100) !== 0, read: () => readFile(path) };
  }
  if (!stat.isDirectory()) throw new Error(`${path} is neither a directory, a file nor a link`);
  const entries = new Map<string, Tree>();
  for (const bytes of await readdir(path, { encoding: "buffer" })) {
    const name = utf8(bytes, path);
    if (!except.includes(name)) entries.set(name, await readNode(join(path, name), left));
  }
  return { kind: "directory", entries };
}

function utf8(bytes: Buffer, path: string): string {
  const text = bytes.toString();
  if (!Buffer.from(text).equals(bytes)) throw new Error(`${path} has a name that is not UTF-8: ${text}`);
  return text;
}

/** By bytes, as Nix has it: JavaScript's own order is that of UTF-16, and the same for ASCII. */
function sorted(entries: Map<string, Tree>): [string, Tree][] {
  const names = [...entries.keys()];
  const ascii = names.every((name) => Buffer.byteLength(name) === name.length);
  names.sort(ascii ? undefined : (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return names.map((name) => [name, entries.get(name) as Tree]);
}

/** 64 bits, little endian. */
function number(value: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

const padded = (length: number): number => Math.ceil(length / 8) * 8;

/** Bytes after their length, filled up with zeros to a multiple of 8. */
const field = (bytes: Buffer): Buffer =>
  Buffer.concat([number(bytes.length), bytes, Buffer.alloc(padded(bytes.length) - bytes.length)]);

/** Each text as a field; in one piece, as there are ten for each of thousands of links. */
function words(...texts: string[]): Buffer {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const buffer = Buffer.alloc(lengths.reduce((size, length) => size + 8 + padded(length), 0));
  let offset = 0;
  for (const [index, length] of lengths.entries()) {
    buffer.writeUInt32LE(length, offset);
    buffer.write(texts[index] ?? "", offset + 8);
    offset += 8 + padded(length);
  }
  return buffer;
}
