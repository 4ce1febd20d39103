import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { KeptRecord } from "../../src/closure/record.ts";

const digest = "0123456789abcdef0123456789abcdef";
const path = (letter: string, name: string) => `/nix/store/${letter.repeat(32)}-${name}`;
const rootfs = path("0", "podman-rootless-fhsenv-rootfs");
const nix = path("2", "nix-2.34.7");
const certificates = path("3", "nss-cacert-3.115");
const module = join(import.meta.dirname, "../../src/closure/record.ts");
let home: string;

/** In a process of its own, as the home directory is that of a process. */
const inHome = (call: string) =>
  execFileSync(
    process.execPath,
    ["--input-type=module", "--eval", `import * as records from ${JSON.stringify(module)}; ${call}`],
    { encoding: "utf8", stdio: "pipe", env: { ...process.env, HOME: home } },
  );
const keepRecord = (record: KeptRecord) =>
  inHome(`await records.keepRecord(${JSON.stringify(digest)}, ${JSON.stringify(record)})`);
/** Null: there is none. */
const readKept = (of = digest): KeptRecord | null =>
  JSON.parse(
    inHome(`console.log(JSON.stringify((await records.readKept(${JSON.stringify(of)})) ?? null))`),
  ) as KeptRecord | null;

/** Of what is in a store below the home directory, where it can be put and removed. */
const record = (): KeptRecord => ({
  contents: { kind: "fhs", path: rootfs },
  roots: [rootfs],
  url: "github:o/r",
  rev: "0123456789abcdef0123456789abcdef01234567",
  podman: "5.8.2",
  nix: { version: "2.34.7", bin: `${nix}/bin`, roots: [nix, certificates] },
  directory: join(home, "nix"),
});
const placeOf = (storePath: string) => storePath.replace("/nix", join(home, "nix"));
const file = () => join(home, ".local", "share", "podman-rootless", "roots", `${digest}.json`);

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "kept-"));
  for (const each of [rootfs, certificates, `${nix}/bin`]) mkdirSync(placeOf(each), { recursive: true });
});

afterEach(() => rmSync(home, { recursive: true }));

test("what a job keeps is found by the next, by its name", () => {
  expect(readKept()).toBeNull();
  keepRecord(record());
  expect(readKept()).toEqual(record());
  expect(readKept(digest.replaceAll("0", "1"))).toBeNull();
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

test("what a later job keeps takes its place", () => {
  for (const podman of ["5.8.2", "5.8.3"]) keepRecord({ ...record(), podman });
  expect(readKept()).toMatchObject({ podman: "5.8.3" });
  expect(readdirSync(dirname(file()))).toEqual([`${digest}.json`]);
});

test.each([rootfs, certificates, nix, `${nix}/bin`])("it is not found without %s", (gone) => {
  keepRecord(record());
  expect(readKept()).toEqual(record());
  rmSync(placeOf(gone), { recursive: true });
  expect(readKept()).toBeNull();
});

test("what is in another store is not taken for it", () => {
  const { directory: _, ...onMachine } = record();
  keepRecord(onMachine);
  expect(readKept()).toBeNull();
});

test.each<[string, (text: string) => string]>([
  ["empty", () => ""],
  ["cut off", (text) => text.slice(0, -10)],
  ["null", () => "null"],
  ["of another version", (text) => text.replace('"roots"', '"paths"')],
])("a file that is %s is none, and does not stay", (_, spoil) => {
  keepRecord(record());
  writeFileSync(file(), spoil(readFileSync(file(), "utf8")));
  expect(readKept()).toBeNull();
  keepRecord(record());
  expect(readKept()).toEqual(record());
});
