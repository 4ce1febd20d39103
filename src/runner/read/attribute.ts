import type { Output } from "../../exec.ts";
import type { Probe } from "../facts.ts";

const block = 512;

/** A tar archive (POSIX.1-2001, pax) of one empty file `attribute`, which has an extended attribute of its user's. */
export function archiveWithAttribute(): Buffer {
  const record = paxRecord("SCHILY.xattr.user.podman-rootless", "1");
  return Buffer.concat([
    header("extended", record.length, "x"),
    Buffer.concat([Buffer.from(record)], block),
    header("attribute", 0, "0"),
    Buffer.alloc(2 * block),
  ]);
}

/** A line that begins with its own length, pax(1). */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  return `${rest.length + 2}${rest}`; // of two digits
}

function header(name: string, size: number, type: string): Buffer {
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  const bytes = Buffer.alloc(block);
  const write = (text: string, at: number) => bytes.write(text, at, "latin1");
  write(name, 0);
  write(octal(0o600, 8), 100);
  write(octal(0, 8), 108);
  write(octal(0, 8), 116);
  write(octal(size, 12), 124);
  write(octal(0, 12), 136);
  write(" ".repeat(8), 148); // counted as blanks in the sum that goes there
  write(type, 156);
  write("ustar\x0000", 257);
  write(
    `${octal(
      bytes.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return bytes;
}

/**
 * What became of the attribute; undefined where that cannot be known: of a tar that knows none (busybox's).
 *
 * @param output of GNU tar, which only warns where the attribute cannot be set
 */
export function attributeOf({ code, stderr }: Output): Probe | undefined {
  const refused = /setxattr.*: ([^:\n]+)$/m.exec(stderr)?.[1];
  if (refused !== undefined) return { error: refused };
  return code === 0 && stderr === "" ? true : undefined;
}
