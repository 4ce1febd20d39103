import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { keep, keptSegments, move, readKept, segmentsDirectory } from "../../src/store/kept.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kept-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const kept = { prefix: "p-", chain: ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] };

test("a store without segments of before has none", async () => {
  expect(await readKept(root)).toBeUndefined();
});

test("the segments of a store are kept with it, oldest first, for its user alone", async () => {
  await keep(root, kept);
  expect(await readKept(root)).toEqual(kept);
  expect(statSync(segmentsDirectory(root)).mode & 0o777).toBe(0o700);
  expect(keptSegments(root, kept)).toEqual([
    { digest: "aaaaaaaaaaaa", file: join(root, "segments", "aaaaaaaaaaaa.squashfs") },
    { digest: "bbbbbbbbbbbb", file: join(root, "segments", "bbbbbbbbbbbb.squashfs") },
  ]);
  await keep(root, { prefix: "q-", chain: [] });
  expect(await readKept(root)).toEqual({ prefix: "q-", chain: [] });
});

test("a file is moved, over one that is there", async () => {
  writeFileSync(join(root, "from"), "new");
  writeFileSync(join(root, "to"), "old");
  await move(join(root, "from"), join(root, "to"));
  expect(readFileSync(join(root, "to"), "utf8")).toBe("new");
  expect(existsSync(join(root, "from"))).toBe(false);
  await expect(move(join(root, "from"), join(root, "to"))).rejects.toThrow("ENOENT");
  expect(readFileSync(join(root, "to"), "utf8")).toBe("new");
});

test("a file is moved to another file system", async () => {
  // A tmpfs of its own on every Linux; where the temporary directory is one too, this is the test above.
  const shared = mkdtempSync("/dev/shm/kept-");
  try {
    writeFileSync(join(shared, "from"), "new");
    await move(join(shared, "from"), join(root, "to"));
    expect(readFileSync(join(root, "to"), "utf8")).toBe("new");
    expect(existsSync(join(shared, "from"))).toBe(false);
  } finally {
    rmSync(shared, { recursive: true });
  }
});
