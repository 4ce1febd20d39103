/** Offsets of the first and last byte, both included. */
export interface Range {
  start: number;
  end: number;
}

/**
 * Reads a `Range` or `x-ms-range` header against a blob of `size` bytes. Undefined: no (understandable) range,
 * so the whole blob is due. "unsatisfiable": nothing of the range lies in the blob, status 416.
 * https://www.rfc-editor.org/rfc/rfc9110#section-14.1.2
 */
export function parseRange(header: string | undefined, size: number): Range | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}
