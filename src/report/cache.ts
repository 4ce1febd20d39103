import type { JobCache, UsedSegment } from "../cache/job.ts";
import type { Saved } from "../cache/upload.ts";
import type { Origin } from "../closure/job.ts";
import { formatBytes } from "../log.ts";
import type { Way } from "../store/kept.ts";
import { code, count, plain, table } from "./markdown.ts";

/** What came of saving one part, such as "image store". */
export type SavedPart = Saved & { what: string };

/** What the cache gave and was given: three tables, of which those without rows are left out. */
export function cacheTables(
  cache: JobCache,
  origin: Origin | undefined,
  saved: readonly SavedPart[],
): string {
  const used = table(
    ["cached", "found", "brought back"],
    [
      ["image store", verdict(cache), broughtBack(cache.segments)],
      [
        "Nix and podman's store paths",
        originOf(origin),
        origin?.bytes === undefined ? "" : formatBytes(origin.bytes),
      ],
    ],
  );
  const heads = ["segment", "size", "from", "in the store"];
  const segments = cache.segments.length === 0 ? [] : [table(heads, cache.segments.map(segmentRow))];
  const parts = saved.length > 0 ? saved : [{ what: "image store", why: cache.why ?? "nothing is new" }];
  return [used, ...segments, table(["saved", "bytes", "key, or why it was not"], parts.map(savedRow))].join(
    "\n\n",
  );
}

/** In a few words, for the log too. */
export function verdict({ prefix, matchedKey, segments, why, cold }: JobCache): string {
  if (prefix === "") return plain(`not cached${why === undefined ? "" : `: ${why}`}`);
  if (matchedKey === "") return cold === true ? "miss" : plain(`none${why === undefined ? "" : `: ${why}`}`);
  return segments.length === 0 ? "there, only looked up" : "hit";
}

const broughtBack = (segments: readonly UsedSegment[]): string => {
  const fetched = segments.filter(({ from }) => from === "cache");
  const bytes = fetched.reduce((sum, { size }) => sum + size, 0);
  return fetched.length === 0 ? "" : `${formatBytes(bytes)} in ${count(fetched.length, "segment")}`;
};

function originOf(origin: Origin | undefined): string {
  if (origin === undefined) return "miss: by Nix";
  return origin.from === "cache" ? "hit" : "on the machine already";
}

const ways: Record<Way, string> = {
  kernel: "mounted by the kernel, idmapped",
  squashfuse: "mounted by squashfuse",
  unpacked: "unpacked",
};

const segmentRow = ({ digest, size, from, way }: UsedSegment): string[] => [
  code(digest),
  formatBytes(size),
  from === undefined ? "" : from === "cache" ? "the cache" : "this machine",
  way === undefined ? "" : ways[way],
];

const savedRow = (part: SavedPart): string[] =>
  "key" in part
    ? [plain(part.what), formatBytes(part.bytes), code(part.key)]
    : [plain(part.what), "nothing", plain(part.why)];
