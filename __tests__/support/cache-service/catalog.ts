import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, findSame, holdsItsKey, type Identity } from "./entries.ts";

interface Index {
  nextId: number;
  entries: Entry[];
}

/** The entries, kept in `index.json` of a directory so that they outlive the service. */
export class Catalog {
  readonly #file: string;
  readonly #index: Index;

  constructor(directory: string) {
    this.#file = join(directory, "index.json");
    this.#index = existsSync(this.#file)
      ? (JSON.parse(readFileSync(this.#file, "utf8")) as Index)
      : { nextId: 1, entries: [] };
  }

  get entries(): readonly Entry[] {
    return this.#index.entries;
  }

  /** The entry with this id. */
  get(id: number): Entry | undefined {
    return this.#index.entries.find((entry) => entry.id === id);
  }

  /**
   * Reserves a key, or returns undefined when it is taken. `expired` is the forgotten reservation this one
   * replaces, whose blob the caller has to remove.
   */
  reserve(identity: Identity): { entry: Entry; expired: Entry | undefined } | undefined {
    const now = Date.now();
    const same = findSame(this.#index.entries, identity);
    if (same && holdsItsKey(same, now)) return undefined;
    if (same) this.remove(same);
    const { key, version, scope } = identity;
    const entry: Entry = {
      id: this.#index.nextId++,
      key,
      version,
      scope,
      state: "uploading",
      size: 0,
      createdAt: now,
    };
    this.#index.entries.push(entry);
    this.#write();
    return { entry, expired: same };
  }

  /** Makes `entry` visible to restores, for good. `size` in bytes. */
  finalize(entry: Entry, size: number): void {
    entry.state = "ready";
    entry.size = size;
    this.#write();
  }

  /** Forgets `entry`; its blob is the caller's business. */
  remove(entry: Entry): void {
    this.#index.entries = this.#index.entries.filter((other) => other !== entry);
    this.#write();
  }

  // Written whole and renamed: a service killed half way leaves the old index, never half of one.
  #write(): void {
    const partial = `${this.#file}.partial`;
    writeFileSync(partial, JSON.stringify(this.#index, undefined, 2));
    renameSync(partial, this.#file);
  }
}
