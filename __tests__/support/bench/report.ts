import type { Comparison, Summary } from "./statistics.ts";
import type { Aim, Case } from "./suite.ts";

/** A measured case; times in milliseconds. */
export interface Result extends Comparison {
  case: Pick<Case, "name" | "subject" | "peer" | "aim">;
}

/** True when the result is what the case aims at; undefined where it aims at nothing. */
export function reaches({ case: { aim }, ratio, difference }: Result): boolean | undefined {
  if (aim === undefined) return undefined;
  return "ratio" in aim ? ratio <= aim.ratio : difference <= aim.difference;
}

/**
 * A result as one line of JSON. `median`, `min` and `max` are the subject's; `difference` is the median of the
 * differences of pairs.
 */
export function renderJson(suite: string, result: Result): string {
  const { name, subject, peer } = result.case;
  const { n, ratio, difference } = result;
  return JSON.stringify({
    ...{ suite, case: name, subject, peer, n },
    ...{ ...rounded(result.subject), unit: "ms", ratio: round(ratio) },
    ...{ peerMedian: round(result.peer.median), difference: round(difference) },
  });
}

/** Results as Markdown, below what they depend on: a table for each two sides. */
export function renderTables(facts: readonly string[], results: readonly Result[]): string {
  const sides = ({ case: { subject, peer } }: Result) => `${subject} and ${peer}`;
  const tables = [...new Set(results.map(sides))].map((both) =>
    table(results.filter((result) => sides(result) === both)),
  );
  return [facts.map((fact) => `- ${fact}`).join("\n"), ...tables].join("\n\n");
}

function table(results: readonly Result[]): string {
  const { peer = "", subject = "" } = results[0]?.case ?? {};
  const times = [`${peer}, ms`, `${subject}, ms`];
  const header = ["case", "pairs", ...times, "ratio", "difference, ms", "aim", "reached"];
  const rows = [header, ...results.map(cells)];
  const widths = header.map((_, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  rows.splice(
    1,
    0,
    widths.map((width) => "-".repeat(width)),
  );
  return rows
    .map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`)
    .join("\n");
}

function cells(result: Result): string[] {
  const reached = reaches(result);
  return [
    result.case.name,
    String(result.n),
    range(result.peer),
    range(result.subject),
    result.ratio.toFixed(3),
    signed(result.difference),
    aimed(result.case.aim),
    reached === undefined ? "" : reached ? "yes" : "no",
  ];
}

/** Such as "52.1 (48.0 to 60.3)": the median, and what lies between the fastest and the slowest. */
const range = ({ median, min, max }: Summary) => `${short(median)} (${short(min)} to ${short(max)})`;

const short = (milliseconds: number) => milliseconds.toFixed(milliseconds < 1000 ? 1 : 0);

const signed = (milliseconds: number) => `${milliseconds < 0 ? "" : "+"}${short(milliseconds)}`;

function aimed(aim: Aim | undefined): string {
  if (aim === undefined) return "";
  return "ratio" in aim ? `at most ${aim.ratio}` : `at most +${aim.difference} ms`;
}

const round = (value: number) => Number(value.toFixed(3));

const rounded = ({ median, min, max }: Summary): Summary => ({
  median: round(median),
  min: round(min),
  max: round(max),
});
