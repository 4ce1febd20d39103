import { expect, test } from "@jest/globals";
import { readText } from "../support/documents.ts";
import { readActionFile } from "../support/inputs.ts";

/** What stands below each heading that is an input's name, up to the next heading. */
const sections = new Map(
  readText("docs/inputs.md")
    .replace(/^```[\s\S]*?^```/gm, (block) => block.replaceAll(/^#/gm, "\\#"))
    .split(/^(?=#+ )/m)
    .flatMap((section): [string, string][] => {
      const [, name, text = ""] = /^### `([\w-]+)`\n([\s\S]*)$/.exec(section) ?? [];
      return name === undefined ? [] : [[name, text]];
    }),
);

test("docs/inputs.md has a heading for each input of action.yml, and for none else", () => {
  expect([...sections.keys()].sort()).toEqual(Object.keys(readActionFile().inputs).sort());
});

test("the table of groups in docs/inputs.md has each input once, as its sections have them in order", () => {
  const rows = [...readText("docs/inputs.md").matchAll(/^\| \[[^|]+ \| (`[^|]+) \|$/gm)];
  const listed = rows.flatMap(([, cell = ""]) => [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => name));
  expect(listed).toEqual([...sections.keys()]);
});

test.each([...sections])("docs/inputs.md says something of %s", (_, text) => {
  expect(text.trim().length).toBeGreaterThan(80);
});

test("docs/inputs.md has no input's heading on another level", () => {
  expect(readText("docs/inputs.md").match(/^(##?|#{4,}) `.*$/gm)).toBeNull();
});
