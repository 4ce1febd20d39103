/** The runner takes 1 MiB a step; no text of others' is longer than this in it. */
const longest = 2000;

/**
 * A text as it is, whatever Markdown or HTML would make of it: all signs but the harmless ones become character
 * references. One line; a very long text is cut.
 *
 * @see https://github.github.com/gfm/#entity-and-numeric-character-references
 */
export function plain(text: string, length = longest): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  const signs = [...line];
  const cut = signs.length > length ? [...signs.slice(0, length), "…"] : signs;
  const harmless = /[\p{L}\p{M}\p{N} .,/:;()=%…'"-]/u;
  const reference = (sign: string) => `&#${sign.codePointAt(0)};`;
  const words = cut.map((sign) => (harmless.test(sign) ? sign : reference(sign))).join("");
  // Addresses would become links.
  return words.replaceAll("://", `${reference(":")}//`).replaceAll(/(www)\./gi, `$1${reference(".")}`);
}

/** The same, as code. */
export const code = (text: string, length?: number): string => `<code>${plain(text, length)}</code>`;

/** @param rows cells of Markdown, without line breaks */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}

export const formatSeconds = (seconds: number): string => `${seconds.toFixed(1)} s`;

export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;
