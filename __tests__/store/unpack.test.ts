import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { Environment } from "../../src/environment/environment.ts";
import { readStore } from "../../src/store/store.ts";
import { tryUnpack, writeMetadata } from "../../src/store/unpack.ts";
import { storeOf, write, writeSegment } from "../support/stores.ts";

let directory: string;
let environment: Environment;
let log: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "unpack-"));
  // Stands in for enter.sh: runs programs of this machine, and of those in "bin" first.
  const script = join(directory, "enter.sh");
  writeFileSync(
    script,
    `while [ "$1" != exec ]; do shift; done\nshift\nPATH="${directory}/bin:$PATH" exec "$@"\n`,
  );
  const graphRoot = join(directory, "storage");
  environment = { script, rootfs: "/", graphRoot, driver: "overlay", directory, podman: "/bin/false" };
  write(join(graphRoot, "overlay/other/diff/file"), "of a segment below");
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const store = storeOf("a");
const segment = () => ({ digest: "a", file: join(directory, "a.squashfs") });

test("a segment's files are unpacked; podman learns of them by the lists alone", async () => {
  const { graphRoot } = environment;
  writeSegment(segment().file, store);
  expect(await tryUnpack(environment, segment(), store)).toBe(true);
  expect(log).toContain("Segment a is unpacked\n");
  expect(readdirSync(join(graphRoot, "overlay")).sort()).toEqual(["l", "la", "other"]);
  expect(readFileSync(join(graphRoot, "overlay/la/diff/file of la"), "utf8")).toBe("la");
  expect(readdirSync(join(graphRoot, "overlay-layers")).sort()).toEqual(["la.tar-split.gz", "layers.lock"]);
  expect(readdirSync(join(graphRoot, "overlay-images")).sort()).toEqual(["ia", "images.lock"]);
  expect(await readStore(graphRoot)).toEqual({ layers: [], images: [] });

  await writeMetadata(graphRoot, store);
  expect(await readStore(graphRoot)).toEqual(store);
  for (const list of ["overlay-layers/layers.json", "overlay-images/images.json"]) {
    expect(statSync(join(graphRoot, list)).mode & 0o777).toBe(0o600);
    expect(existsSync(join(graphRoot, `${list}.new`))).toBe(false);
  }
});

/** A program that comes before this machine's. */
function writeProgram(name: string, script: string): void {
  write(join(directory, "bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, "bin", name), 0o755);
}

test("one that needs more than is free is refused, and not begun", async () => {
  writeSegment(segment().file, store);
  // No disk of a test's has room for a file that no disk has room for.
  const list = "-rw-r--r-- 0/0 9000000000000000 2026-11-23 10:00 squashfs-root/overlay/la/diff/bomb";
  writeProgram("unsquashfs", `[ "$1" != -lln ] || exec echo "${list}"\ntouch "${directory}/began"`);
  expect(await tryUnpack(environment, segment(), store)).toBe(false);
  expect(log).toMatch(
    /^::warning::Segment a cannot be unpacked: it needs 9000\.0 TB, and \S+ \S?B are free$/m,
  );
  expect(existsSync(join(directory, "began"))).toBe(false);
});

test("of one that cannot be unpacked to its end, no layer is left, and those of others are", async () => {
  const { graphRoot } = environment;
  writeSegment(segment().file, store);
  writeProgram(
    "unsquashfs",
    `[ "$1" != -lln ] || exit 0
mkdir -p "${graphRoot}/overlay/la/diff" && echo "No space left on device" >&2 && exit 1`,
  );
  expect(await tryUnpack(environment, segment(), store)).toBe(false);
  expect(log).toMatch(/^::warning::Segment a cannot be unpacked: .*No space left on device$/m);
  expect(readdirSync(join(graphRoot, "overlay"))).toEqual(["other"]);
});

test("a file that is no squashfs is not unpacked", async () => {
  writeFileSync(segment().file, "x".repeat(4096));
  expect(await tryUnpack(environment, segment(), store)).toBe(false);
  expect(log).toMatch(/^::warning::Segment a cannot be unpacked: .* failed with exit code 1: /m);
});
