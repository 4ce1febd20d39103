import type { JobCache } from "../cache/job.ts";
import type { Origin } from "../closure/job.ts";
import type { Examination } from "../doctor/examination.ts";
import { formatBytes } from "../log.ts";
import type { Wishes } from "../runner/plan.ts";
import type { Inventory } from "../store/inventory.ts";
import { cacheTables, type SavedPart, verdict } from "./cache.ts";
import { type Comparison, won } from "./cold-start.ts";
import { errorQuote, findingsTable } from "./failure.ts";
import { imageTable } from "./images.ts";
import { code, count, formatSeconds, plain } from "./markdown.ts";
import { type Phase, timeline } from "./timeline.ts";

/** That a job summary is wanted, and what one of a failure needs. */
export interface SummaryWish {
  /** The input `cache-key`. */
  name: string;
  wishes: Omit<Wishes, "home">;
  /** Absolute path. */
  storageRoot: string;
}

/** What main tells of a job that it has given a podman. */
export interface JobReport {
  podmanVersion: string;
  driver: string;
  /** The environment is an earlier step's. */
  shared: boolean;
  cache: JobCache;
  /** Undefined: Nix has built or fetched podman. */
  origin: Origin | undefined;
}

export interface JobSummary {
  heading: string;
  job: JobReport;
  phases: readonly Phase[];
  saved: readonly SavedPart[];
  inventory: Inventory | undefined;
  comparison: Omit<Comparison, "origin" | "cold">;
}

/**
 * Tells several uses of the action in one job apart: by the step's id, or the name of its cached store where it has none.
 *
 * @param action GITHUB_ACTION: the step's id, or one that the runner makes, such as `__es-nix_podman-rootless_2`
 */
export function headingOf(action: string, name: string): string {
  if (action !== "" && !action.startsWith("__")) return `podman-rootless: ${action}`;
  const [, number] = /_(\d+)$/.exec(action) ?? [];
  return `podman-rootless: ${name}${number === undefined ? "" : ` (${number})`}`;
}

/** What the log ends with, when all is well. */
export function readyTitle(
  { podmanVersion, driver, shared, cache }: JobReport,
  inventory: Inventory | undefined,
): string {
  const store =
    inventory === undefined
      ? "image store"
      : `image store with ${count(inventory.images.length, "image")}, ${formatBytes(inventory.size)}`;
  const hit = cache.matchedKey !== "" && cache.size > 0;
  const found = hit
    ? `hit, ${formatBytes(cache.size)} in ${count(cache.segments.length, "segment")}`
    : verdict(cache);
  return `Ready: podman ${podmanVersion}, ${driver}, ${store}, cache ${shared ? "of an earlier step" : found}`;
}

/** The summary of a job whose podman came to be. */
export function renderJob({ heading, job, phases, saved, inventory, comparison }: JobSummary): string {
  const { cache, origin, shared } = job;
  const stages = phases.flatMap((phase) => phase.stages);
  const seconds = stages.reduce((sum, { begin, end }) => sum + (end - begin) / 1000, 0);
  const cold = cache.segments.findLast((segment) => segment.cold !== undefined)?.cold;
  return sections([
    `## ${plain(heading)}`,
    `podman ${plain(job.podmanVersion)} with the storage driver ${code(job.driver)}. The stages took ${formatSeconds(seconds)}.`,
    ...section("Stages", timeline(phases)),
    ...section(
      "Cache",
      shared
        ? "The environment is that of an earlier step, which has its cache."
        : cacheTables(cache, origin, saved),
    ),
    won({ ...comparison, origin, cold }),
    ...(inventory === undefined ? [] : section("Images", imageTable(inventory))),
  ]);
}

/** The summary of a step that failed. */
export function renderFailure(
  heading: string,
  message: string,
  phase: Phase,
  examination: Examination | undefined,
): string {
  return sections([
    `## ${plain(heading)}: failed`,
    errorQuote(message),
    ...(examination === undefined ? [] : section("Doctor", findingsTable(examination))),
    ...section("Stages", timeline([phase])),
  ]);
}

const section = (title: string, text: string): string[] => (text === "" ? [] : [`### ${title}`, text]);

const sections = (texts: readonly string[]): string =>
  `${texts.filter((text) => text !== "").join("\n\n")}\n`;
