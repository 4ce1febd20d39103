import type { Tree } from "./nar.ts";

/** A tree as a value of JSON. */
export type TreeText =
  | { link: string }
  | { text: string; executable?: true }
  | { base64: string; executable?: true }
  | DirectoryText;

interface DirectoryText {
  entries?: Record<string, TreeText>;
  /**
   * Names of links by the directory that they lead into, each to its own name there: nearly all of an FHS root.
   * `{"/nix/store/...-crun-1.21/bin": ["crun"]}` is a link `crun` to `/nix/store/...-crun-1.21/bin/crun`.
   */
  links?: Record<string, string[]>;
}

/**
 * Writes a tree down.
 *
 * @throws {Error} when its files have more bytes than `limit` together
 */
export async function writeTree(tree: Tree, limit: number): Promise<TreeText> {
  let left = limit;
  const write = async (node: Tree): Promise<TreeText> => {
    if (node.kind === "link") return { link: node.target };
    if (node.kind === "directory") return writeDirectory(node.entries, write);
    const bytes = await node.read();
    left -= bytes.length;
    if (left < 0) throw new Error(`its files have more than ${limit} bytes`);
    const text = bytes.toString();
    const content = Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString("base64") };
    return { ...content, ...(node.executable && { executable: true }) };
  };
  return write(tree);
}

async function writeDirectory(
  children: Map<string, Tree>,
  write: (node: Tree) => Promise<TreeText>,
): Promise<DirectoryText> {
  const entries: [string, TreeText][] = [];
  const links = new Map<string, string[]>();
  for (const name of [...children.keys()].sort()) {
    const node = children.get(name) as Tree;
    if (node.kind === "link" && node.target.endsWith(`/${name}`)) {
      const directory = node.target.slice(0, -name.length - 1);
      links.set(directory, [...(links.get(directory) ?? []), name]);
    } else {
      entries.push([name, await write(node)]);
    }
  }
  return {
    ...(entries.length > 0 && { entries: Object.fromEntries(entries) }),
    ...(links.size > 0 && { links: Object.fromEntries([...links].sort(([a], [b]) => (a < b ? -1 : 1))) }),
  };
}

/** The tree that was written down. What is not of this form makes another tree than the one with the known hash. */
export function parseTree(text: TreeText): Tree {
  if ("link" in text) return { kind: "link", target: text.link };
  if ("text" in text) return file(Buffer.from(text.text), text.executable);
  if ("base64" in text) return file(Buffer.from(text.base64, "base64"), text.executable);
  const entries = new Map<string, Tree>();
  for (const [name, child] of Object.entries(text.entries ?? {})) entries.set(name, parseTree(child));
  for (const [directory, names] of Object.entries(text.links ?? {})) {
    for (const name of names) entries.set(name, { kind: "link", target: `${directory}/${name}` });
  }
  return { kind: "directory", entries };
}

const file = (bytes: Buffer, executable: true | undefined): Tree => ({
  kind: "file",
  executable: executable === true,
  read: async () => bytes,
});
