import type { Finding } from "./finding.ts";

export const marks = {
  ok: "ok",
  change: "will change",
  note: "note",
  hint: "hint",
  failed: "FAILED",
} as const;
const markWidth = Math.max(...Object.values(marks).map((mark) => mark.length));

/**
 * Findings as a table for people, a line each: the verdict in words, what it is about, and how it is. Below those that
 * have a cause stand that and the remedy.
 *
 * @param width columns of a line; only words that are longer by themselves go beyond it
 */
export function reportLines(findings: readonly Finding[], width = 100): string[] {
  const nameWidth = Math.max(0, ...findings.map(({ name }) => name.length));
  const indent = " ".repeat(markWidth + 2 + nameWidth + 2);
  return findings.flatMap(({ name, verdict, found, cause, remedy }) => {
    const [first = "", ...rest] = wrap(found, width - indent.length);
    const reasons = [cause, remedy].filter((text) => text !== undefined);
    return [
      `${marks[verdict].padEnd(markWidth)}  ${name.padEnd(nameWidth)}  ${first}`.trimEnd(),
      ...[...rest, ...reasons.flatMap((text) => wrap(`${text}.`, width - indent.length))].map(
        (line) => indent + line,
      ),
    ];
  });
}

/** The cause and the remedy of a finding that has them: the step's error, and doctor's verdict, in the same words. */
export const sentences = ({ cause, remedy }: Finding): string => `${cause}. ${remedy}.`;

/** Breaks a text at its spaces. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
