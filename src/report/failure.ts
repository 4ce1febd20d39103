import type { Examination } from "../doctor/examination.ts";
import { isReady, verdictOf } from "../doctor/render.ts";
import type { Finding } from "../runner/finding.ts";
import { marks } from "../runner/report.ts";
import { withoutSecrets } from "../secrets.ts";
import { plain, table } from "./markdown.ts";

/** The error that ended main. */
export const errorQuote = (message: string): string => `> **Error:** ${plain(withoutSecrets(message))}`;

/** What doctor says of the machine: its verdict, and all findings. */
export function findingsTable(examination: Examination): string {
  const rows = examination.plan.findings.map((finding) => [
    finding.verdict === "failed" ? `**${marks.failed}**` : marks[finding.verdict],
    plain(finding.name),
    words(finding.found),
    words(reasons(finding)),
  ]);
  const head = isReady(examination) ? "" : "**";
  return [
    `${head}${words(verdictOf(examination))}${head}`,
    "",
    table(["verdict", "what", "found", "cause and remedy"], rows),
  ].join("\n");
}

const words = (text: string): string => plain(withoutSecrets(text));

const reasons = ({ cause, remedy }: Finding): string =>
  [cause, remedy].flatMap((text) => (text === undefined ? [] : `${text}.`)).join(" ");
