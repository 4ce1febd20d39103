import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Absolute path of the repository. */
export const root = join(import.meta.dirname, "../..");

/** The text of a file of the repository. */
export const readText = (file: string): string => readFileSync(join(root, file), "utf8");

/** Paths of what is in a directory of the repository, relative to that. */
export const filesIn = (directory: string): string[] =>
  readdirSync(join(root, directory)).map((name) => join(directory, name));

/** All documents in Markdown: those of the repository's top, and those in docs/. */
export const documents: readonly string[] = [...filesIn("."), ...filesIn("docs")].filter((file) =>
  file.endsWith(".md"),
);

export const withoutCode = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```/gm, "");

/** The anchors of a document's headings, in order, as GitHub gives them to headings that are not repeated. */
export const anchorsOf = (document: string): string[] =>
  [...withoutCode(readText(document)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );

/** A block of code of a document. */
export interface Fence {
  document: string;
  /** What stands after the opening marks, such as "yaml". */
  language: string;
  text: string;
  /** Line of the document at which the block begins, counted from 1. */
  line: number;
}

/** The blocks of code of a document that have a language, indented ones of lists included. */
export const fencesOf = (document: string): Fence[] => fencesIn(readText(document), document);

export function fencesIn(markdown: string, document = ""): Fence[] {
  return [...markdown.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```$/gm)].map((match) => {
    const [, indent = "", language = "", block = ""] = match;
    const line = markdown.slice(0, match.index).split("\n").length;
    return { document, language, text: block.replaceAll(new RegExp(`^${indent}`, "gm"), ""), line };
  });
}
