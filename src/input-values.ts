/** What the values of inputs are made of: each throws an error that names the input, its value and what was expected. */

/** Gives the value of an input, empty when it was not set. */
export type Read = (name: string) => string;

export function invalid(name: string, value: string, expected: string): Error {
  return new Error(`Invalid ${name} '${value}'. Expected ${expected}.`);
}

export function matching(read: Read, name: string, pattern: RegExp, expected: string): string {
  const value = read(name);
  if (!pattern.test(value)) throw invalid(name, value, expected);
  return value;
}

export function oneOf<T extends string>(read: Read, name: string, known: readonly T[]): T {
  const value = read(name);
  const found = known.find((one) => one === value);
  if (found === undefined) {
    throw invalid(name, value, `${known.slice(0, -1).join(", ")} or ${known.at(-1)}`);
  }
  return found;
}

/** The lines of a multi-line input, or the words of one with commas. */
export const lines = (value: string): string[] =>
  value
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));

export function bytes(read: Read, name: string): number {
  const expected = "a size such as 500MB or 5GB";
  const [, digits = "", unit = ""] = /^(\d{1,6}(?:\.\d{1,3})?) *([MG]B)$/i.exec(read(name)) ?? [];
  const size = Number(digits) * (unit.toUpperCase() === "GB" ? 1e9 : 1e6);
  if (!(size > 0)) throw invalid(name, read(name), expected);
  return size;
}

export function yesOrNo(read: Read, name: string): boolean {
  const value = read(name);
  if (value !== "true" && value !== "false") throw invalid(name, value, "true or false");
  return value === "true";
}
