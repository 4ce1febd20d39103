import { expect, test } from "@jest/globals";
import { anchorsOf, documents, readText } from "../support/documents.ts";

// The changelog has the same headings below each version.
test.each(documents.filter((document) => document !== "CHANGELOG.md"))(
  "a link can mean only one heading of %s",
  (document) => {
    const anchors = anchorsOf(document);
    expect(anchors.filter((anchor, index) => anchors.indexOf(anchor) !== index)).toEqual([]);
  },
);

/** The blocks of messages in docs/troubleshooting.md, each with what stands between it and the next. */
const explained = readText("docs/troubleshooting.md")
  .split(/^```text\n/m)
  .slice(1)
  .map((part) => {
    const [messages = "", words = ""] = part.split(/^```$/m);
    return { messages: messages.trim(), words: words.replace(/^#.*$/gm, "").trim() };
  });

test.each(explained)("docs/troubleshooting.md says something of: $messages", ({ words }) => {
  expect(words.length).toBeGreaterThan(30);
});
