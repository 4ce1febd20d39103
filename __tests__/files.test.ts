import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { move, refuseWithoutSpace, replaceFile } from "../src/files.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "files-"));
});
afterEach(() => rmSync(root, { recursive: true }));

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
  const shared = mkdtempSync("/dev/shm/files-");
  try {
    writeFileSync(join(shared, "from"), "new");
    await move(join(shared, "from"), join(root, "to"));
    expect(readFileSync(join(root, "to"), "utf8")).toBe("new");
    expect(existsSync(join(shared, "from"))).toBe(false);
  } finally {
    rmSync(shared, { recursive: true });
  }
});

test("a file is replaced as a whole, for the user alone", async () => {
  const file = join(root, "list");
  writeFileSync(file, "old", { mode: 0o644 });
  await replaceFile(file, "new");
  expect(readFileSync(file, "utf8")).toBe("new");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(root)).toEqual(["list"]);
});

test("what is free may be written, and no more", async () => {
  const { bavail, bsize } = await statfs(root);
  await refuseWithoutSpace(1, root);
  await expect(refuseWithoutSpace(bavail * bsize * 2, root)).rejects.toThrow(/^it needs .* are free$/);
});
