import type { StageTime } from "../log.ts";
import { formatSeconds } from "./markdown.ts";

/** The stages of one process of the action, in the order of their beginnings. */
export interface Phase {
  name: "main" | "post";
  stages: readonly StageTime[];
}

/**
 * A timeline as a picture: a mermaid gantt chart in a block of Markdown. Its axis counts seconds of the action's own; what
 * is between main and post is left out, and said below. Empty without stages.
 *
 * @see https://mermaid.js.org/syntax/gantt.html
 */
export function timeline(phases: readonly Phase[]): string {
  const drawn = phases.filter(({ stages }) => stages.length > 0);
  const lines: string[] = [];
  let end = 0;
  for (const { name, stages } of drawn) {
    const shift = end - Math.min(...stages.map(({ begin }) => begin));
    lines.push(`    section ${name}`, ...stages.map((stage) => `    ${task(stage, shift)}`));
    end = shift + Math.max(...stages.map((stage) => stage.end));
  }
  if (drawn.length === 0) return "";
  const chart = ["gantt", "    dateFormat x", ...axis(end).map((line) => `    ${line}`), ...lines];
  return ["```mermaid", ...chart, "```", ...between(drawn)].join("\n");
}

/** Milliseconds since 1970 begin with 0 here, and are shown as seconds of that. */
function task({ name, begin, end, failed }: StageTime, shift: number): string {
  // A bar without length is not drawn.
  const [from, to] = [begin + shift, Math.max(end, begin + 1) + shift];
  return `${title(name)} ${formatSeconds((end - begin) / 1000)} :${failed ? "crit, " : ""}${from}, ${to}`;
}

/**
 * Mermaid has no way to quote in a gantt chart: a colon ends a task's name, semicolons and "#" end statements or begin
 * entities, "%%" begins a comment, and a few words at a line's beginning are statements.
 */
function title(name: string): string {
  const bare = name
    .replaceAll(/[^\p{L}\p{N} ._/()+-]+/gu, " ")
    .trim()
    .replace(/^[._/()+\s-]+/, "")
    .slice(0, 60);
  const words =
    /^(gantt|title|section|click|href|call|dateFormat|axisFormat|tickInterval|excludes|includes|todayMarker|weekday|weekend|acc|inclusive|topAxis|done|active|crit|milestone)/i;
  return words.test(bare) ? `Stage ${bare}` : bare || "Stage";
}

/** `%s` and `%Q` of d3-time-format count from 1970, whatever the time zone. */
function axis(milliseconds: number): string[] {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
  if (milliseconds < 2000) return ["axisFormat %Q ms", "tickInterval 200millisecond"];
  const step = steps.find((seconds) => milliseconds / 1000 / seconds <= 12) ?? 1800;
  return ["axisFormat %s s", `tickInterval ${step}second`];
}

function between([main, post]: readonly Phase[]): string[] {
  if (main === undefined || post === undefined) return [];
  const [last, first] = [main.stages.map(({ end }) => end), post.stages.map(({ begin }) => begin)];
  const seconds = (Math.min(...first) - Math.max(...last)) / 1000;
  return [
    "",
    `The ${formatSeconds(Math.max(0, seconds))} of other steps, between main and post, are left out.`,
  ];
}
