import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  keep,
  keepContents,
  keptContents,
  keptSegments,
  readKept,
  segmentsDirectory,
} from "../../src/store/kept.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kept-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const kept = { prefix: "p-", chain: ["aaaaaaaaaaaa", "bbbbbbbbbbbb"], unpacked: [] };

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
  await keep(root, { prefix: "q-", chain: [], unpacked: [] });
  expect(await readKept(root)).toEqual({ prefix: "q-", chain: [], unpacked: [] });
});

test("files of other segments are removed, and archives of those that are unpacked", async () => {
  const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
  const contents = { store: { layers: [], images: [] }, size: 5 };
  for (const digest of [a, b, c]) {
    await keepContents(root, digest, contents);
    writeFileSync(join(segmentsDirectory(root), `${digest}.squashfs`), digest);
  }
  writeFileSync(join(segmentsDirectory(root), `${a}.squashfs.part`), "half");
  await keep(root, { prefix: "p-", chain: [a, b], unpacked: [b] });
  expect(readdirSync(segmentsDirectory(root)).sort()).toEqual([
    `${a}.json`,
    `${a}.squashfs`,
    `${b}.json`,
    "chain.json",
  ]);
});

test("what a segment holds is kept beside it, and not known after a reset", async () => {
  const contents = { store: { layers: [{ id: "l1" }], images: [{ id: "i1", layer: "l1" }] }, size: 1234 };
  expect(await keptContents(root, "aaaaaaaaaaaa")).toBeUndefined();
  await keepContents(root, "aaaaaaaaaaaa", contents);
  expect(await keptContents(root, "aaaaaaaaaaaa")).toEqual(contents);
  expect(statSync(segmentsDirectory(root)).mode & 0o777).toBe(0o700);
  rmSync(segmentsDirectory(root), { recursive: true });
  expect(await keptContents(root, "aaaaaaaaaaaa")).toBeUndefined();
  expect(await readKept(root)).toBeUndefined();
});
