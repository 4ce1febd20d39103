/** One cache entry. `id` grows with every reservation, so a higher one is newer. */
export interface Entry {
  id: number;
  key: string;
  version: string;
  scope: string;
  /** Reserved and perhaps half uploaded, or finalized and never to change again. */
  state: "uploading" | "ready";
  /** Bytes of the archive; 0 until finalized. */
  size: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

/** What a restore asks for. `scopes` are the readable ones, the job's own branch first. */
export interface Query {
  key: string;
  restoreKeys: readonly string[];
  version: string;
  scopes: readonly string[];
}

/** What makes an entry unique. */
export type Identity = Pick<Entry, "key" | "version" | "scope">;

// https://github.com/actions/cache/issues/1541: a reservation never finalized locks its key for a day.
const reservationLifetime = 24 * 60 * 60 * 1000;

/** Whether `entry` keeps others from reserving its key at time `now` (ms since the epoch). */
export function holdsItsKey(entry: Entry, now: number): boolean {
  return entry.state === "ready" || now - entry.createdAt < reservationLifetime;
}

/** The entry with exactly this key, version and scope, in whatever state. */
export function findSame(entries: readonly Entry[], wanted: Identity): Entry | undefined {
  return entries.find(
    (entry) => entry.key === wanted.key && entry.version === wanted.version && entry.scope === wanted.scope,
  );
}

/**
 * The entry a restore gets, by the order GitHub documents: in each scope the exact key, then the newest entry
 * the key is a prefix of, then the same prefix search for each restore key; only then the next scope.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching#cache-key-matching
 */
export function findMatch(entries: readonly Entry[], query: Query): Entry | undefined {
  for (const scope of query.scopes) {
    const candidates = entries
      .filter((entry) => entry.state === "ready" && entry.scope === scope && entry.version === query.version)
      .sort((a, b) => b.id - a.id);
    const exact = candidates.find((entry) => entry.key === query.key);
    if (exact) return exact;
    for (const prefix of [query.key, ...query.restoreKeys]) {
      const match = candidates.find((entry) => entry.key.startsWith(prefix));
      if (match) return match;
    }
  }
  return undefined;
}
