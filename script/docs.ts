// Writes the tables of inputs and outputs in README.md from action.yml; with --check only says whether they are
// current, and ends with 1 when they are not. Run by node 24, which takes TypeScript as it is.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** What is used of action.yml. */
interface Metadata {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { description: string }>;
}

/**
 * The text of README.md with both tables as action.yml has them, between `<!-- NAME -->` and `<!-- /NAME -->`.
 *
 * @param readme text of README.md
 * @param action text of action.yml
 * @throws {Error} when a pair of marks is missing
 */
export function updateTables(readme: string, action: string): string {
  const { inputs, outputs } = parse(action) as Metadata;
  const inputRows = Object.entries(inputs).map(([name, { description, default: value = "" }]) => [
    `\`${name}\``,
    description,
    value === "" ? "" : `\`${value}\``,
  ]);
  const outputRows = Object.entries(outputs).map(([name, { description }]) => [`\`${name}\``, description]);
  const withInputs = between(readme, "inputs", table(["input", "what it is", "default"], inputRows));
  return between(withInputs, "outputs", table(["output", "what it is"], outputRows));
}

/** A table of GitHub's Markdown, its columns aligned as Biome does. */
function table(head: readonly string[], rows: readonly string[][]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|").trim()));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill = " ") =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width, fill)).join(" | ")} |`;
  const [first = [], ...others] = cells;
  return [line(first), line([], "-"), ...others.map((row) => line(row))].join("\n");
}

function between(text: string, name: string, content: string): string {
  const start = text.indexOf(`<!-- ${name} -->`);
  const end = text.indexOf(`<!-- /${name} -->`);
  if (start === -1 || end < start) throw new Error(`README.md has no <!-- ${name} --> ... <!-- /${name} -->`);
  return `${text.slice(0, start)}<!-- ${name} -->\n\n${content}\n\n${text.slice(end)}`;
}

function main(args: readonly string[]): void {
  if (args.includes("--help")) {
    console.log("usage: node script/docs.ts [--check]");
    return;
  }
  const root = join(import.meta.dirname, "..");
  const file = join(root, "README.md");
  const readme = readFileSync(file, "utf8");
  const current = updateTables(readme, readFileSync(join(root, "action.yml"), "utf8"));
  if (current === readme) return;
  if (args.includes("--check")) {
    console.error("The tables in README.md are not those of action.yml. Run: npm run docs");
    process.exitCode = 1;
  } else {
    writeFileSync(file, current);
  }
}

// Tests import this file.
if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
