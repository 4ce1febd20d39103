import type { Comparison, Summary } from "./statistics.ts";
import type { Aim, Case, Unit } from "./suite.ts";

/** A measured case; values in its unit. */
export interface Result extends Comparison {
  case: Pick<Case, "name" | "subject" | "peer" | "aim" | "unit">;
}

const unitOf = ({ case: { unit = "ms" } }: Result): Unit => unit;

/** True when the result is what the case aims at; undefined where it aims at nothing. */
export function reaches({ case: { aim }, subject, ratio, difference }: Result): boolean | undefined {
  if (aim === undefined) return undefined;
  if ("ratio" in aim) return ratio <= aim.ratio;
  return "value" in aim ? subject.median <= aim.value : difference <= aim.difference;
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
    ...{ ...rounded(result.subject), unit: unitOf(result), ratio: round(ratio) },
    ...{ peerMedian: round(result.peer.median), difference: round(difference) },
  });
}

/** Results as Markdown, below what they depend on: a table for each two sides and unit. */
export function renderTables(facts: readonly string[], results: readonly Result[]): string {
  const sides = (result: Result) => `${result.case.subject} and ${result.case.peer} in ${unitOf(result)}`;
  const tables = [...new Set(results.map(sides))].map((both) =>
    table(results.filter((result) => sides(result) === both)),
  );
  return [facts.map((fact) => `- ${fact}`).join("\n"), ...tables].join("\n\n");
}

function table(results: readonly Result[]): string {
  const { peer = "", subject = "", unit = "ms" } = results[0]?.case ?? {};
  const values = [`${peer}, ${unit}`, `${subject}, ${unit}`];
  const header = ["case", "pairs", ...values, "ratio", `difference, ${unit}`, "aim", "reached"];
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
    aimed(result.case.aim, unitOf(result)),
    reached === undefined ? "" : reached ? "yes" : "no",
  ];
}

/** Such as "52.1 (48.0 to 60.3)": the median, and what lies between the fastest and the slowest. */
const range = ({ median, min, max }: Summary) => `${short(median)} (${short(min)} to ${short(max)})`;

const short = (value: number) => value.toFixed(Math.abs(value) < 1000 ? 1 : 0);

const signed = (value: number) => `${value < 0 ? "" : "+"}${short(value)}`;

function aimed(aim: Aim | undefined, unit: Unit): string {
  if (aim === undefined) return "";
  if ("ratio" in aim) return `at most ${aim.ratio}`;
  return "value" in aim ? `at most ${aim.value} ${unit}` : `at most +${aim.difference} ${unit}`;
}

const round = (value: number) => Number(value.toFixed(3));

const rounded = ({ median, min, max }: Summary): Summary => ({
  median: round(median),
  min: round(min),
  max: round(max),
});
