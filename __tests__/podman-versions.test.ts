import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import ts from "typescript";

/** The podman that each Debian release has. */
const versions: Record<string, string> = { bookworm: "4.3", trixie: "5.4", forky: "5.8" };

interface Reason {
  file: string;
  version: string;
  words: string;
}

/** The reasons in words that a comparison gives for a release. */
function reasonsIn(file: string, text: string): Reason[] {
  const found: Reason[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAssignment(node) && ts.isStringLiteralLike(node.initializer)) {
      const version = versions[node.name.getText()];
      if (version !== undefined) found.push({ file, version, words: node.initializer.text });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

const folder = join(import.meta.dirname, "e2e");
const reasons = readdirSync(folder)
  .filter((name) => name.endsWith(".compare.ts"))
  .flatMap((name) => reasonsIn(name, readFileSync(join(folder, name), "utf8")));

/** The rows of a table below a heading, without its head. */
function table(text: string, heading: string): string[][] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = [...section.matchAll(/^\| (.+) \|$/gm)].map(([, row = ""]) => row.split(" | "));
  return rows.slice(2).map((row) => row.map((cell) => cell.trim()));
}

const page = readFileSync(join(import.meta.dirname, "../docs/podman-versions.md"), "utf8");
const listed = table(page, "What a version cannot do");

test("reasons are found", () => {
  expect(reasonsIn("x", 'const a = [["n", `s`, 0, { bookworm: "why", forky: 3 }]];')).toEqual([
    { file: "x", version: "4.3", words: "why" },
  ]);
  expect(reasons.length).toBeGreaterThan(0);
});

test.each(reasons)("$file: $version, $words", ({ version, words }) => {
  expect(
    listed.filter(([, where, why]) => where?.split(", ").includes(version) && why === words),
  ).toHaveLength(1);
});

test.each(listed)("%s: what %s cannot do is tried", (_what, where, why) => {
  for (const version of where?.split(", ") ?? [])
    expect(reasons.filter((reason) => reason.version === version && reason.words === why)).not.toEqual([]);
});
