import { formatBytes } from "../log.ts";
import { activity, type Event, nameOf, plain, result } from "./internal-json.ts";

interface Activity {
  type: number;
  text: string;
  /** Of what is built: its name; of what is downloaded: the URL. */
  name: string;
  phase: string;
  since: number;
  done: number;
  expected: number;
  /** By kind: how much more this activity says there will be. */
  announced: Map<number, number>;
}

/** What a run of Nix has done so far. Times are in milliseconds, of any one clock. */
export interface Progress {
  since: number;
  running: Map<number, Activity>;
  /** By kind: what activities had done when they ended. */
  ended: Map<number, number>;
  /** Bytes when speed was last told, or when the first came. */
  mark: { bytes: number; at: number };
}

export const startProgress = (now: number): Progress => ({
  since: now,
  running: new Map(),
  ended: new Map(),
  mark: { bytes: 0, at: now },
});

/** Takes what Nix says into account. Messages do not count. */
export function advance(progress: Progress, event: Event, now: number): void {
  if (event.action === "msg") return;
  if (event.action === "start") {
    const { id, type, text, fields: [name = ""] = [] } = event;
    const begun = { done: 0, expected: 0, phase: "", since: now, announced: new Map() };
    progress.running.set(id, { type, text: plain(text), name: nameOf(String(name)), ...begun });
    return;
  }
  const running = progress.running.get(event.id);
  if (running === undefined) return;
  if (event.action === "stop") {
    progress.ended.set(running.type, (progress.ended.get(running.type) ?? 0) + running.done);
    progress.running.delete(event.id);
    return;
  }
  const [first = 0, second = 0] = event.fields;
  if (event.type === result.progress) {
    if (bytesOf(progress).done === 0) progress.mark = { bytes: 0, at: now };
    Object.assign(running, { done: Number(first), expected: Number(second) });
  } else if (event.type === result.expected) running.announced.set(Number(first), Number(second));
  else if (event.type === result.phase) running.phase = String(first);
}

interface Amount {
  done: number;
  expected: number;
}

/** As Nix's own progress bar counts a kind of activity. */
function amount({ running, ended }: Progress, type: number): Amount {
  const before = ended.get(type) ?? 0;
  const sum = { done: before, expected: before, announced: 0 };
  for (const one of running.values()) {
    sum.announced += one.announced.get(type) ?? 0;
    if (one.type !== type) continue;
    sum.done += one.done;
    sum.expected += one.expected;
  }
  return { done: sum.done, expected: Math.max(sum.done, sum.expected, sum.announced) };
}

/** Downloaded, as compressed; what is copied where nothing is downloaded, as from a cache in a directory. */
function bytesOf(progress: Progress): Amount {
  const downloads = amount(progress, activity.fileTransfer);
  return downloads.expected > 0 ? downloads : amount(progress, activity.copyPath);
}

/**
 * One line of what Nix is at, such as "Fetched 120.0 of 300.0 MB, 25.0 MB/s, 14 of 60 paths; building podman-5.8.2
 * for 40 s". Its speed is that since the line before.
 */
export function describe(progress: Progress, now: number): string {
  const parts = [...fetching(progress, now), ...building(progress, now)];
  return capital(parts.length > 0 ? parts.join("; ") : other(progress, now));
}

function fetching(progress: Progress, now: number): string[] {
  const bytes = bytesOf(progress);
  const paths = amount(progress, activity.copyPaths);
  const { mark } = progress;
  const speed = ((bytes.done - mark.bytes) * 1000) / Math.max(1, now - mark.at);
  progress.mark = { bytes: bytes.done, at: now };
  if (paths.expected > 0) {
    const rate = paths.done < paths.expected ? [`${formatBytes(speed)}/s`] : [];
    return [[`fetched ${ofBytes(bytes)}`, ...rate, `${paths.done} of ${paths.expected} paths`].join(", ")];
  }
  const files = [...progress.running.values()].filter(({ type }) => type === activity.fileTransfer);
  const [file] = files.sort((one, other) => other.done - one.done);
  if (file === undefined || file.done === 0) return [];
  return [`downloading ${file.name}: ${ofBytes(file)}, ${formatBytes(speed)}/s`];
}

function building(progress: Progress, now: number): string[] {
  const builds = amount(progress, activity.builds);
  const [first, ...more] = [...progress.running.values()].filter(({ type }) => type === activity.build);
  if (first === undefined) return [];
  const phase = first.phase === "" ? "" : ` (${first.phase})`;
  const count = builds.expected > 1 ? [`${builds.done} of ${builds.expected} built`] : [];
  const others = more.length > 0 ? ` and ${more.length} more` : "";
  return [...count, `building ${first.name}${phase} for ${seconds(now - first.since)}${others}`];
}

/** What Nix says in its own words: "evaluating derivation ...", "fetching git input ...". */
function other(progress: Progress, now: number): string {
  const said = [...progress.running.values()].filter(
    ({ type, text }) => text !== "" && type !== activity.queryPathInfo,
  );
  const last = said.at(-1);
  // Older versions evaluate without saying so.
  if (last === undefined) return `evaluating for ${seconds(now - progress.since)}`;
  return `${last.text} for ${seconds(now - last.since)}`;
}

/** How long it took in all, and what was fetched. */
export function summary(progress: Progress, now: number): string {
  const bytes = bytesOf(progress).done;
  const fetched = bytes > 0 ? `, with ${formatBytes(bytes)} fetched` : "";
  return `Nix took ${seconds(now - progress.since)}${fetched}`;
}

const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 1000)} s`;

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/** "120.0 of 300.0 MB", "900.0 kB of 2.0 MB"; without the whole where that is not known. */
function ofBytes({ done, expected }: Amount): string {
  const whole = formatBytes(expected);
  if (expected <= done) return formatBytes(done);
  const part = formatBytes(done);
  const [, unit = ""] = whole.split(" ");
  return `${part.endsWith(` ${unit}`) ? part.slice(0, -unit.length - 1) : part} of ${whole}`;
}
