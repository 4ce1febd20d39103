import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { documents, readText, root } from "../support/documents.ts";

const tests = readdirSync(join(root, "__tests__"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => join("__tests__", name));

/** The patterns of `script/test PATTERN...` in a text. */
const patternsIn = (text: string) =>
  [...text.matchAll(/`script\/test ([^`]+)`/g)].flatMap(([, words = ""]) =>
    words.split(" ").filter((word) => word !== "PATTERN"),
  );

test.each(documents)("each test that %s names is one", (document) => {
  const missing = patternsIn(readText(document)).filter(
    // As jest takes it: an expression, somewhere in the path.
    (pattern) => !tests.some((path) => new RegExp(pattern).test(join(root, path))),
  );
  expect(missing).toEqual([]);
});

test("each attacker of docs/security.md has a command that shows what stops them", () => {
  const [, section = ""] = readText("docs/security.md").split("\n## Threat model\n");
  const rows = (section.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) => line.split(" | "));
  expect(rows.length).toBeGreaterThan(6);
  expect(rows.filter((cells) => cells.length !== 5 || !/`script\/\w+/.test(cells[4] ?? ""))).toEqual([]);
});

test("each test of an attack is in docs/security.md", () => {
  const patterns = patternsIn(readText("docs/security.md"));
  const attacks = tests.filter((path) => /attacks-|hostile|token\.test/.test(path));
  expect(attacks.filter((path) => !patterns.some((pattern) => new RegExp(pattern).test(path)))).toEqual([]);
});
