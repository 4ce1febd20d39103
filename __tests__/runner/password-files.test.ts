import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { addLine, removeLine } from "../../src/runner/password-files.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "password-files-")));
  file = join(directory, "subuid");
  writeFileSync(file, "# a comment\n\na:1:2\n");
});

afterEach(() => rmSync(directory, { recursive: true }));

const text = () => readFileSync(file, "utf8");

test("a line is added once and removed; all else stays as it is", async () => {
  chmodSync(file, 0o640);
  chownSync(file, 12, 34);
  const before = text();
  await addLine(file, "b:3:4");
  await addLine(file, "b:3:4");
  expect(text()).toBe(`${before}b:3:4\n`);
  const { mode, uid, gid } = statSync(file);
  expect([mode & 0o777, uid, gid]).toEqual([0o640, 12, 34]);
  await removeLine(file, "b:3:4");
  await removeLine(file, "b:3:4");
  expect(text()).toBe(before);
  expect(readdirSync(directory)).toEqual(["subuid"]);
});

test.each([
  ["", "b:3:4\n"],
  ["a:1:2", "a:1:2\nb:3:4\n"],
  ["b:3:40\n", "b:3:40\nb:3:4\n"],
])("a line is added to %j", async (former, expected) => {
  writeFileSync(file, former);
  await addLine(file, "b:3:4");
  expect(text()).toBe(expected);
});

test("a file that is not there is not made", async () => {
  rmSync(file);
  await removeLine(file, "b:3:4");
  await expect(addLine(file, "b:3:4")).rejects.toThrow(`There is no ${file}`);
  expect(readdirSync(directory)).toEqual([]);
});

test("a lock whose holder has ended is taken over", async () => {
  const { pid } = spawnSync("true");
  writeFileSync(`${file}.lock`, `${pid}\0`);
  await addLine(file, "b:3:4");
  expect(text()).toContain("b:3:4");
  expect(readdirSync(directory)).toEqual(["subuid"]);
});

test("a lock that is held is named, and left alone", async () => {
  const before = text();
  writeFileSync(`${file}.lock`, `${process.ppid}\0`);
  await expect(addLine(file, "b:3:4", 300)).rejects.toThrow(
    new Error(
      `${file} is locked by process ${process.ppid} (${file}.lock); remove the lock if that is not an editor of it`,
    ),
  );
  expect(text()).toBe(before);
  expect(readdirSync(directory)).toEqual(["subuid", "subuid.lock"]);
});

test("a lock that is not a pid's is left alone", async () => {
  writeFileSync(`${file}.lock`, "somebody");
  await expect(removeLine(file, "a:1:2", 0)).rejects.toThrow(`${file} is locked by process somebody`);
  expect(text()).toContain("a:1:2");
});

test("a lock that is let go is waited for", async () => {
  writeFileSync(`${file}.lock`, `${process.ppid}\0`);
  const adding = addLine(file, "b:3:4");
  // Our own name for the lock is there: it has begun.
  while (!readdirSync(directory).includes(`subuid.${process.pid}`)) await new Promise(setImmediate);
  rmSync(`${file}.lock`);
  await adding;
  expect(text()).toContain("b:3:4");
});

const changes = join(import.meta.dirname, "../support/changes.ts");
const exitCode = async (child: ChildProcess): Promise<number> => (await once(child, "exit"))[0];

test("several writers at once, usermod among them, lose no line", async () => {
  const etc = directory;
  writeFileSync(join(etc, "passwd"), "root:x:0:0::/root:/bin/sh\nrunner:x:1001:1001::/home/runner:/bin/sh\n");
  writeFileSync(join(etc, "group"), "root:x:0:\nrunner:x:1001:\n");
  writeFileSync(join(etc, "login.defs"), "");
  const before = text();
  const enter = ["--mount", "sh", "-c", 'mount --bind "$1" /etc && shift && exec "$@"', "sh", etc];
  const start = (...argv: string[]) =>
    spawn("unshare", [...enter, ...argv], { stdio: ["ignore", "ignore", "inherit"] });
  const lines = (writer: string) => [1, 2, 3, 4, 5].map((number) => `${writer}:${number}:1`);
  const writers = ["x", "y", "z"].map((writer) => {
    const request = { kind: "lines", file: "/etc/subuid", add: lines(writer), remove: [`${writer}:3:1`] };
    return start(process.execPath, changes, JSON.stringify(request));
  });
  const usermod = start("usermod", "--add-subuids", "100000-165535", "runner");
  expect(await Promise.all([...writers, usermod].map(exitCode))).toEqual([0, 0, 0, 0]);
  const expected = ["x", "y", "z"].flatMap(lines).filter((line) => !line.includes(":3:"));
  expect(text().startsWith(before)).toBe(true);
  expect(text().slice(before.length).trim().split("\n").sort()).toEqual(
    ["runner:100000:65536", ...expected].sort(),
  );
  expect(readdirSync(etc).filter((name) => /lock$|subuid[.+]/.test(name) && name !== ".pwd.lock")).toEqual(
    [],
  );
});
