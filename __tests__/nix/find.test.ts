import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { findNix, isFlakeCapable, parseVersion } from "../../src/nix/find.ts";

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "find-"));
});

afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ["nix (Nix) 2.34.7\n", "2.34.7"],
  ["nix (Nix) 2.8.0", "2.8.0"],
  ["nix (Nix) 2.3", "2.3"],
  ["nix (Determinate Nix 3.11.2) 2.31.1\n", "2.31.1"],
  ["nix (Lix, like Nix) 2.93.3\n", "2.93.3"],
  ["nix (Lix, like Nix) 2.94.0-pre20250807_abcdef0\n", "2.94.0"],
  ["nix (Nix) 2.35.0pre20260101_dd3fa22\n", "2.35.0"],
  ["nix-env (Nix) 2.18.1\n", "2.18.1"],
  ["", undefined],
  ["nix: command not found\n", undefined],
  ["nix (Nix) unknown\n", undefined],
])("%j is of version %s", (line, version) => {
  expect(parseVersion(line)).toBe(version);
});

test.each([
  ["1.11.16", false],
  ["2.3", false],
  ["2.3.16", false],
  ["2.7.9", false],
  ["2.8", true],
  ["2.8.0", true],
  ["2.10.0", true],
  ["2.34.7", true],
  ["3.0", true],
])("%s can do with flakes: %s", (version, capable) => {
  expect(isFlakeCapable(version)).toBe(capable);
});

/** Makes a directory with a program `nix` of this text, and returns its path. */
function bin(name: string, text: string, mode = 0o755): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "nix"), text);
  chmodSync(join(path, "nix"), mode);
  return path;
}

const versionScript = (version: string) => `#!/bin/sh\n[ "$*" = --version ] && echo 'nix (Nix) ${version}'\n`;

test("the first Nix that is new enough is found, whatever stands before it", async () => {
  mkdirSync(join(directory, "folder", "nix"), { recursive: true });
  const path = [
    "",
    join(directory, "missing"),
    join(directory, "folder"),
    bin("not executable", versionScript("2.30.0"), 0o644),
    bin("broken", "#!/nowhere/sh\n"),
    bin("silent", "#!/bin/sh\nexit 1\n"),
    bin("stderr", `#!/bin/sh\necho 'nix (Nix) 2.30.0' >&2\n`),
    bin("old", versionScript("2.3.16")),
    bin("wanted one", versionScript("2.26.3")),
    bin("later", versionScript("2.34.7")),
  ];
  expect(await findNix(path.join(":"))).toEqual({ bin: join(directory, "wanted one"), version: "2.26.3" });
});

test("PATH comes before the places where installers put a Nix, and no Nix at all is none", async () => {
  const usual = ["/.nix-profile/bin", "/nix/var/nix/profiles/default/bin"];
  const found = await findNix(bin("only old", versionScript("2.4")));
  // Where the machine has one at such a place, it is that one.
  expect(found === undefined || usual.some((end) => found.bin.endsWith(end))).toBe(true);
  expect(await findNix(bin("enough", versionScript("2.8.1")))).toMatchObject({ version: "2.8.1" });
});
