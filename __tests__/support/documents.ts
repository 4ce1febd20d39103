import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A block of code of a document. */
export interface Fence {
  document: string;
  /** What stands after the opening marks, such as "yaml". */
  language: string;
  text: string;
  /** Line of the document at which the block begins, counted from 1. */
  line: number;
}

/** The text of a file of the repository. */
export const readText = (file: string): string => readFileSync(join(root, file), "utf8");

/** All documents in Markdown: those of the repository's top, and those in docs/. */
export const documents: readonly string[] = [".", "docs"].flatMap((directory) =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(directory, name)),
);

/** The blocks of code of a document that have a language, indented ones of lists included. */
export const fencesOf = (document: string): Fence[] => fencesIn(readText(document), document);

export function fencesIn(markdown: string, document = ""): Fence[] {
  return [...markdown.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```$/gm)].map((match) => {
    const [, indent = "", language = "", block = ""] = match;
    const line = markdown.slice(0, match.index).split("\n").length;
    return { document, language, text: block.replaceAll(new RegExp(`^${indent}`, "gm"), ""), line };
  });
}
