import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { readText, root } from "../support/documents.ts";

const text = readText("CONTRIBUTING.md");
const entries = readdirSync(join(root, "src"), { withFileTypes: true });
const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);

/** The folders in the order of the map. */
const mapped = [...text.matchAll(/^\| `src\/(\w+)\/` /gm)].map(([, name = ""]) => name);

test("the map names each file and folder of src/", () => {
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  expect(files.filter((name) => !text.includes(`\`src/${name}\``))).toEqual([]);
  expect([...mapped].sort()).toEqual([...folders].sort());
});

test.each(folders)("src/%s imports from folders only that stand before it in the map", (folder) => {
  const imported = readdirSync(join(root, "src", folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => [
      ...readFileSync(join(root, "src", folder, name), "utf8").matchAll(/from "(?:\.\.\/)+(\w+)\//g),
    ])
    .map(([, name = ""]) => name)
    .filter((name) => folders.includes(name) && name !== folder);
  const before = mapped.slice(0, mapped.indexOf(folder));
  expect([...new Set(imported)].filter((name) => !before.includes(name))).toEqual([]);
});

test("the table of commands has each script", () => {
  const scripts = readdirSync(join(root, "script")).filter((name) => !name.includes("."));
  expect(scripts.filter((name) => !text.includes(`\n| \`script/${name}\` `))).toEqual([]);
});
