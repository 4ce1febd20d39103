import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import ts from "typescript";
import { parse } from "yaml";
import { updateTables } from "../script/docs.ts";
import { lockName } from "../src/flake/digest.ts";
import { anchorsOf, documents, filesIn, readText as read, root, withoutCode } from "./support/documents.ts";

// --- README and action.yml --------------------------------------------------------------------------

const action = parse(read("action.yml"));
const names = [...Object.keys(action.inputs), ...Object.keys(action.outputs)];

test("the tables in README.md are those of action.yml", () => {
  expect(updateTables(read("README.md"), read("action.yml"))).toBe(read("README.md"));
});

test.each(names)("README.md has a row for %s", (name) => {
  expect(read("README.md")).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, "m"));
});

test("the workflow in README.md is one", () => {
  const [, workflow = ""] = /^```yaml\n([\s\S]*?)^```/m.exec(read("README.md")) ?? [];
  const [, use, step] = parse(workflow).jobs.container.steps;
  const [, id, output] = /^\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\} run /.exec(step.run) ?? [];
  expect(use.id).toBe(id);
  expect(Object.keys(action.outputs)).toContain(output);
});

test("a table follows action.yml, and bars in it are escaped", () => {
  const readme = "a\n<!-- inputs -->\nold\n<!-- /inputs -->\nb\n<!-- outputs -->\n<!-- /outputs -->\nc\n";
  const metadata = "inputs: {x: {description: this|that, default: 'y'}}\noutputs: {z: {description: Zed.}}";
  const current = updateTables(readme, metadata);
  expect(current).toContain("\n| `x`   | this\\|that | `y`     |\n");
  expect(current).toContain("\n| `z`    | Zed.       |\n");
  expect(current).not.toContain("old");
  expect(updateTables(current, metadata)).toBe(current);
  expect(() => updateTables("no marks", metadata)).toThrow("README.md has no <!-- inputs -->");
});

// --- Links and commands -----------------------------------------------------------------------------

const links = documents.flatMap((document) =>
  [...withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => ({ document, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target)),
);

test.each(links)("$document: the link to $target leads somewhere", ({ document, target }) => {
  const [path = "", heading] = target.split("#");
  const file = path === "" ? document : join(dirname(document), path);
  expect(file).not.toMatch(/^\.\./); // out of the repository
  expect(statSync(join(root, file)).isFile()).toBe(true);
  if (heading !== undefined) expect(anchorsOf(file)).toContain(heading);
});

test("every command and source file that is named exists", () => {
  const text = documents.map(read).join("\n");
  const files = [...text.matchAll(/`((?:script|src|nix)\/[\w./-]+)[^`]*`/g)].map(([, file = ""]) => file);
  const scripts = [...text.matchAll(/npm run (\w+)/g)].map(([, script = ""]) => script);
  expect(files).toContain("script/bootstrap");
  const missing = [...new Set(files)].filter(
    // A release has it.
    (file) => file !== lockName && !statSync(join(root, file), { throwIfNoEntry: false }),
  );
  expect(missing).toEqual([]);
  expect(Object.keys(JSON.parse(read("package.json")).scripts)).toEqual(expect.arrayContaining(scripts));
});

// --- Messages ---------------------------------------------------------------------------------------

/** In a message, what is not constant. */
const hole = "\0";

/** The texts of an expression, which may be one of two. */
function textsOf(node: ts.Node | undefined): string[] {
  if (node !== undefined && ts.isConditionalExpression(node)) {
    return [...textsOf(node.whenTrue), ...textsOf(node.whenFalse)];
  }
  return [textOf(node)];
}

/** The text of an expression; constants of the same file are looked up. */
function textOf(node: ts.Node | undefined): string {
  if (node === undefined) return hole;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.templateSpans.reduce(
      (text, span) => text + textOf(span.expression) + span.literal.text,
      node.head.text,
    );
  }
  if (ts.isIdentifier(node)) {
    const values = [...nodesOf(node.getSourceFile())].filter(
      (other) => ts.isVariableDeclaration(other) && other.name.getText() === node.text,
    ) as ts.VariableDeclaration[];
    const value = values.length === 1 ? values[0]?.initializer : undefined;
    if (value && (ts.isStringLiteralLike(value) || ts.isTemplateExpression(value))) return textOf(value);
  }
  return hole;
}

function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodesOf(child);
}

function propertyOf(node: ts.ObjectLiteralExpression, name: string): ts.Expression | undefined {
  const property = node.properties.find((one) => one.name?.getText() === name);
  return property && ts.isPropertyAssignment(property) ? property.initializer : undefined;
}

/** The messages that a node makes: errors, warnings, and the functions that word them. */
function messagesOf(node: ts.Node): string[] {
  if (ts.isNewExpression(node) && /Error$/.test(node.expression.getText())) {
    return textsOf(node.arguments?.[0]);
  }
  if (ts.isObjectLiteralExpression(node)) {
    const [cause, remedy, problem] = ["cause", "remedy", "problem"].map((name) => propertyOf(node, name));
    if (problem !== undefined) return textsOf(problem);
    if (cause === undefined) return [];
    return textsOf(cause).flatMap((text) => textsOf(remedy).map((what) => `${text}. ${what}.`));
  }
  if (!ts.isCallExpression(node)) return [];
  const [first, second, third, fourth] = node.arguments;
  switch (node.expression.getText().replace(/^core\./, "")) {
    case "super":
    case "warning":
    case "error":
    case "setFailed":
      return textsOf(first);
    case "failure":
    case "flakeError":
      return [`${textOf(first)}: ${hole}`];
    case "invalid":
      return [`Invalid ${textOf(first)} '${hole}'. Expected ${textOf(third)}.`];
    case "matching":
      return [`Invalid ${textOf(second)} '${hole}'. Expected ${textOf(fourth)}.`];
    default:
      return [];
  }
}

function messagesOfSource(file: string): string[] {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
  return [...nodesOf(source)].flatMap(messagesOf).map((message) => message.trim());
}

/** What `die` and `say` of a shell script say. */
function messagesOfShell(text: string): string[] {
  return [...text.replace(/\\\n\s*/g, "").matchAll(/\b(?:die|say) ((?:"[^"]*" ?)+)/g)].map(([, words = ""]) =>
    words
      .trim()
      .replace(/^"|"$/g, "")
      .replace(/" "/g, " ")
      .replace(/\$\([^)]*\)|\$\{[^}]*\}|\$\w+|\$./g, hole),
  );
}

/** Left out: what words an input's name and expectation, and messages that pass on the words of others. */
const generic = `Invalid ${hole} '${hole}'. Expected ${hole}.`;
const wordsOf = (message: string) => message.replaceAll(hole, "").replace(/[^a-z]/gi, "");

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .flatMap((name) => messagesOfSource(join("src", name)));
const scripts = filesIn("nix").filter((file) => file.endsWith(".sh"));
const messages = [...new Set([...sources, ...scripts.flatMap((file) => messagesOfShell(read(file)))])].filter(
  (message) => message !== generic && wordsOf(message).length > 3,
);
const documented = [...read("docs/troubleshooting.md").matchAll(/^```text\n([\s\S]*?)^```/gm)].flatMap(
  ([, block = ""]) => block.trim().split("\n"),
);

/** Matches the message whole, whatever stands in its holes. */
function pattern(message: string): RegExp {
  const constants = message.split(hole).map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${constants.join(".+")}$`);
}

test("messages are found in TypeScript and in shell", () => {
  expect(messages).toContain(`${hole} belongs to another user; remove it or give another --dir`);
  expect(messages).toContain("The tarball's .reginfo names no Nix: it is not a Nix release tarball.");
  expect(messages.length).toBeGreaterThan(50);
});

test.each(messages.map((message) => ({ message, shown: message.replaceAll(hole, "…") })))(
  "docs/troubleshooting.md has: $shown",
  ({ message }) => {
    expect(documented.filter((line) => pattern(message).test(line))).not.toEqual([]);
  },
);

test.each(documented)("there still is a message like: %s", (line) => {
  expect(messages.filter((message) => pattern(message).test(line))).not.toEqual([]);
});
