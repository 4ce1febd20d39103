import { linesOf } from "../../log.ts";

/**
 * What a program says of its failure, as a part of a sentence: the last line of its standard error. Indented lines
 * only add to the one before, such as mount(8)'s "dmesg(1) may have more information".
 */
export function reasonIn(stderr: string): string | undefined {
  return linesOf(stderr)
    .filter((line) => !/^\s/.test(line))
    .at(-1)
    ?.trim()
    .replace(/\.$/, "");
}

/** What Node says of a system call's failure: "permission denied" of "EACCES: permission denied, open '/x'". */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z0-9]+: (.*?), \w+/.exec(text)?.[1] ?? text;
}
