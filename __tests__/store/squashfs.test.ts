import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { Environment } from "../../src/environment/environment.ts";
import { run } from "../../src/exec.ts";
import {
  listSquashfs,
  makeSquashfs,
  readFromSquashfs,
  unpackedBytes,
  unpackSquashfs,
} from "../../src/store/squashfs.ts";
import { write } from "../support/stores.ts";

const variables = { ...process.env };
let directory: string;
let environment: Environment;
let file: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "squashfs-"));
  // Stands in for enter.sh: runs programs of this machine.
  const script = join(directory, "enter.sh");
  writeFileSync(script, `while [ "$1" != exec ]; do shift; done\nshift\nexec "$@"\n`);
  environment = { script, rootfs: "/", graphRoot: "/x", driver: "overlay", directory, podman: "/bin/false" };
  file = join(directory, "a.squashfs");
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
  write(join(directory, "in/one/deep/deeper/file"), "1234567");
  write(join(directory, "in/one/with space 0/0 99 x"), "123");
  write(join(directory, "in/two/left out"), "x");
  write(join(directory, "in/two/kept"), "kept");
  await run("ln", ["-s", "/etc/passwd", join(directory, "in/two/link")]);
});

afterEach(() => {
  jest.restoreAllMocks();
  process.env = { ...variables };
  rmSync(directory, { recursive: true });
});

async function pack(): Promise<void> {
  write(join(directory, "lists/list"), `${join(directory, "in/two/left out")}\n`);
  write(join(directory, "lists/text"), "made");
  await makeSquashfs(
    environment,
    file,
    {
      sources: [join(directory, "in/one"), join(directory, "in/two")],
      exclude: join(directory, "lists/list"),
      made: { "two/made": "text" },
      directory: join(directory, "lists"),
    },
    60,
  );
}

test("an archive's links are listed with what they lead to", async () => {
  await pack();
  const entries = await listSquashfs(environment, file);
  expect([entries.get("two/link"), entries.get("two/kept"), entries.get("two")]).toEqual([
    "l /etc/passwd",
    "-",
    "d",
  ]);
});

test("an archive has its sources by their names, without what is left out, with what is made", async () => {
  await pack();
  expect([...(await listSquashfs(environment, file)).keys()].sort()).toEqual([
    "one",
    "one/deep",
    "one/deep/deeper",
    "one/with space 0",
    "one/with space 0/0 99 x",
    "two",
    "two/kept",
    "two/link",
    "two/made",
  ]);
  expect(await readFromSquashfs(environment, file, "two/made")).toBe("made");
  expect(await unpackedBytes(environment, file)).toBe(7 + 3 + 4 + 4);
});

test("an archive has no time of its own, so the same files make the same bytes", async () => {
  await pack();
  const list = (await run("unsquashfs", ["-lln", file])).split("\n");
  const timesOf = (path: string) =>
    list.filter((line) => line.endsWith(` ${path}`)).map((line) => /\d{4}-\d\d-\d\d/.exec(line)?.[0]);
  for (const path of ["squashfs-root", "squashfs-root/two/made"])
    expect(timesOf(path)).toEqual(["1970-01-01"]);
  expect(timesOf("squashfs-root/two/kept")).not.toEqual(["1970-01-01"]);
  const before = readFileSync(file);
  await pack();
  expect(readFileSync(file).equals(before)).toBe(true);
});

test("it is unpacked over what is there, without what is excepted", async () => {
  await pack();
  const to = join(directory, "out");
  write(join(to, "two/kept"), "old");
  write(join(to, "three"), "stays");
  await unpackSquashfs(environment, file, to, ["two/made", "one/deep"]);
  expect(readdirSync(to).sort()).toEqual(["one", "three", "two"]);
  expect(readdirSync(join(to, "one"))).toEqual(["with space 0"]);
  expect(readdirSync(join(to, "two")).sort()).toEqual(["kept", "link"]);
  expect(readFileSync(join(to, "two/kept"), "utf8")).toBe("kept");
  await unpackSquashfs(environment, file, to);
  expect(readFileSync(join(to, "two/made"), "utf8")).toBe("made");
});

test("what cannot be read is an error in unsquashfs's words", async () => {
  await pack();
  truncateSync(file, 300);
  await expect(listSquashfs(environment, file)).rejects.toThrow(/failed with exit code 1: \S/);
  await expect(unpackedBytes(environment, file)).rejects.toThrow(/failed with exit code 1: \S/);
  await expect(readFromSquashfs(environment, file, "two/made")).rejects.toThrow("exit code 1");
  await expect(unpackSquashfs(environment, file, join(directory, "out"))).rejects.toThrow("exit code 1");
});

test("a file that is not in it is an error", async () => {
  await pack();
  await expect(readFromSquashfs(environment, file, "two/nothing")).rejects.toThrow("no matches");
});

test("packing that takes too long is ended", async () => {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "mksquashfs"), "#!/bin/sh\nexec sleep 1000\n", { mode: 0o755 });
  process.env.PATH = `${bin}:${process.env.PATH}`;
  const archive = { sources: [join(directory, "in/one")], directory };
  // 124 is timeout(1)'s; less than a second is one.
  await expect(makeSquashfs(environment, file, archive, 0.2)).rejects.toThrow("failed with exit code 124");
});
