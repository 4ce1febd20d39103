// Writes each workflow that a document shows to a folder, as whole workflows, for the linters that script/workflows runs.
// Run by node 24, which takes TypeScript as it is.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { documents, type Fence, fencesOf } from "../__tests__/support/documents.ts";

/** The one job that a snippet is put into; its matrix has what the snippet names of one. */
function jobFor(text: string): string {
  const names = [...new Set([...text.matchAll(/\bmatrix\.(\w+)/g)].map(([, name = ""]) => name))];
  const matrix = names.map((name) => `        ${name}: [a, b]\n`).join("");
  const strategy = matrix === "" ? "" : `    strategy:\n      matrix:\n${matrix}`;
  return `on: push\npermissions:\n  contents: read\njobs:\n  job:\n    runs-on: ubuntu-24.04\n${strategy}`;
}

const indented = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, " ".repeat(by));

/** A workflow as it is, `steps:` or a list of steps as the one job of a workflow; undefined for other YAML. */
export function wholeWorkflow(text: string): string | undefined {
  if (/^jobs:/m.test(text)) return text;
  if (/^steps:/.test(text)) return jobFor(text) + indented(text, 4);
  if (/^- (uses|run|name|id):/.test(text)) return `${jobFor(text)}    steps:\n${indented(text, 6)}`;
  return undefined;
}

/** The file's name says where the block is: README.md.120.yml, docs-inputs.md.14.yml. */
export const nameOf = ({ document, line }: Fence): string => `${document.replaceAll("/", "-")}.${line}.yml`;

function main([directory]: readonly string[]): void {
  if (directory === undefined || directory.startsWith("-")) {
    console.log("usage: node script/workflows.ts DIRECTORY");
    return;
  }
  for (const fence of documents.flatMap(fencesOf)) {
    if (!["yaml", "yml"].includes(fence.language)) continue;
    const workflow = wholeWorkflow(fence.text);
    if (workflow !== undefined) writeFileSync(join(directory, nameOf(fence)), workflow);
  }
}

// Tests import this file.
if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
