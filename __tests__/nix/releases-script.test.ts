import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type FileServer, startFileServer } from "../support/assets/file-server.ts";

const repository = join(import.meta.dirname, "../..");
const hash = (digit: string) => digit.repeat(64);
let directory: string;
let server: FileServer;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "releases-"));
  for (const path of ["script/nix-releases", "src/nix/releases.json"]) {
    cpSync(join(repository, path), join(directory, path));
  }
  server = await startFileServer(join(directory, "host"));
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

/** Puts a .sha256 file on the host. */
function publish(version: string, system: string, text: string): void {
  const folder = join(directory, "host", `nix-${version}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `nix-${version}-${system}.tar.xz.sha256`), text);
}

const refresh = (...versions: string[]) =>
  promisify(execFile)(join(directory, "script/nix-releases"), versions, {
    env: { ...process.env, NIX_RELEASES_HOST: server.url },
  });
const table = () => readFileSync(join(directory, "src/nix/releases.json"), "utf8");

test("the table has the hashes of both systems, in the order given", async () => {
  publish("2.40.0", "x86_64-linux", hash("a"));
  publish("2.40.0", "aarch64-linux", `${hash("b")}\n`);
  publish("2.39.1", "x86_64-linux", `${hash("c")}  nix-2.39.1-x86_64-linux.tar.xz\n`);
  publish("2.39.1", "aarch64-linux", hash("d"));
  await refresh("2.40.0", "2.39.1");
  expect(table()).toBe(`{
  "2.40.0": {
    "x86_64-linux": "${hash("a")}",
    "aarch64-linux": "${hash("b")}"
  },
  "2.39.1": {
    "x86_64-linux": "${hash("c")}",
    "aarch64-linux": "${hash("d")}"
  }
}
`);
});

test("the table of the repository is as the script writes it", async () => {
  const known = JSON.parse(table()) as Record<string, Record<string, string>>;
  const before = table();
  for (const [version, hashes] of Object.entries(known)) {
    for (const [system, sha256] of Object.entries(hashes)) publish(version, system, sha256);
  }
  await refresh(...Object.keys(known));
  expect(table()).toBe(before);
});

test.each([
  ["a version that the host does not have", ["2.1.0"], /cannot fetch http:.*2\.1\.0/],
  ["what is no hash", ["2.2.0"], /no SHA-256 is in .*<html>/],
  ["what is no version", ["../x"], /'\.\.\/x' is no version such as 2\.34\.7/],
])("%s leaves the table as it is", async (_, versions, complaint) => {
  publish("2.2.0", "x86_64-linux", "<html>");
  const before = table();
  await expect(refresh(...versions)).rejects.toThrow(complaint);
  expect(table()).toBe(before);
});

test("it says how it is used", async () => {
  expect((await refresh("--help")).stdout).toMatch(/^Usage: script\/nix-releases VERSION\.\.\./);
});
