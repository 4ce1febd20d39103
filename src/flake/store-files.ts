import { open, readlink } from "node:fs/promises";
import { dirname } from "node:path";
import { isThere } from "../files.ts";
import { type Nix, onMachine } from "../nix/find.ts";

/** Where a store is to be looked for: see {@link Nix.directory}. */
export type StorePlace = Pick<Nix, "directory">;

/** What a file is to one who wants to run it. */
export type FileKind =
  | { kind: "compiled" }
  /** `text`: its beginning. */
  | { kind: "script"; text: string }
  | { kind: "neither" };

/** As many links as the kernel follows. */
const mostLinks = 40;

/**
 * The path without links to which a store path leads, as Nix names it, such as "/nix/store/HASH-NAME/bin/podman". Not
 * by realpath(3): links within a store name /nix, where the machine may have none.
 *
 * @returns undefined where it leads nowhere
 */
export async function realStorePath(place: StorePlace, path: string): Promise<string | undefined> {
  let rest = parts(path);
  let done = "";
  for (let links = 0; ; ) {
    const [name, ...others] = rest;
    if (name === undefined) return (await isThere(onMachine(place, done))) ? done : undefined;
    rest = others;
    if (name === "..") {
      done = dirname(done).replace(/^\/$/, "");
      continue;
    }
    const next = `${done}/${name}`;
    const target = await readlink(onMachine(place, next)).catch(() => undefined);
    if (target === undefined) {
      done = next;
      continue;
    }
    links += 1;
    if (links > mostLinks) return undefined;
    if (target.startsWith("/")) done = "";
    rest = [...parts(target), ...rest];
  }
}

const parts = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/** @param path without links in it; see {@link realStorePath} */
export async function fileKind(place: StorePlace, path: string): Promise<FileKind> {
  const file = await open(onMachine(place, path)).catch(() => undefined);
  if (file === undefined) return { kind: "neither" };
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(65_536), 0, 65_536, 0);
    const text = buffer.toString("latin1", 0, bytesRead);
    if (text.startsWith("\x7fELF")) return { kind: "compiled" };
    return text.startsWith("#!") ? { kind: "script", text } : { kind: "neither" };
  } catch {
    return { kind: "neither" }; // a directory
  } finally {
    await file.close();
  }
}

/** The store path that a path is, or is in: "/nix/store/HASH-NAME". */
export const storePathOf = (path: string): string => path.split("/").slice(0, 4).join("/");
