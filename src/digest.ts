import { createHash } from "node:crypto";

/** A name for a text: 12 hexadecimal digits of its SHA-256. */
export const shortDigest = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 12);
