import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { nameOf, parseRegistration } from "../../src/closure/registration.ts";

const hash = "28e89b02cf54e48344acfec21d920bc6898697179d95d7b871b330004896d881";
const glibc = "33kx5sd1p66y8bf02q5i70vnwa9bym08-glibc-2.40-66";
const podman = "08nxxldj5i2xglb4vlkrv27nl7ia8q21-podman-5.8.2";
const deriver = "ynkf8y6kcwym4x858b05f66fxdkpm1ac-podman-5.8.2.drv";
const path = (name: string) => `/nix/store/${name}`;
/** Of a library that refers to itself, and of podman, which refers to it. */
const fields = [
  ...[path(glibc), hash, "31000000", "", "1", path(glibc)],
  ...[path(podman), hash, "528", path(deriver), "2", path(podman), path(glibc)],
];
const sample = `${fields.join("\n")}\n`;
const withField = (index: number, ...values: string[]) => fields.with(index, values.join("\n")).join("\n");

test("a registration names its paths, and not where they are from", () => {
  expect(parseRegistration(sample)).toEqual([glibc, podman]);
  expect(parseRegistration(fields.join("\n"))).toEqual([glibc, podman]);
  expect(parseRegistration("")).toEqual([]);
});

test("what Nix prints is read as Nix means it", () => {
  const directory = mkdtempSync(join(tmpdir(), "registration-"));
  const nix = (program: string, ...args: string[]) =>
    execFileSync(program, args, {
      encoding: "utf8",
      stdio: "pipe",
      env: { ...process.env, NIX_REMOTE: join(directory, "root") },
    }).trim();
  try {
    const part = 'name: src: derivation { inherit name src; system = "any"; builder = "any"; }';
    writeFileSync(
      join(directory, "default.nix"),
      `let part = ${part}; in part "outer" (part "inner" ./source)`,
    );
    writeFileSync(join(directory, "source"), "source");
    const drv = nix("nix-instantiate", join(directory, "default.nix"));
    const closure = nix("nix-store", "--query", "--requisites", drv).split("\n");
    expect(closure).toHaveLength(3);
    const names = parseRegistration(nix("nix-store", "--dump-db", ...closure));
    expect(names.map(path).sort()).toEqual(closure.sort());
    const alone = nix("nix-store", "--dump-db", drv);
    expect(() => parseRegistration(alone)).toThrow(/^its registration lacks \S+-inner\.drv$/);
  } finally {
    execFileSync("chmod", ["-R", "u+w", directory]);
    rmSync(directory, { recursive: true });
  }
});

test.each([
  ["another path", withField(0, "/etc/passwd"), 1],
  ["a path below a store path", withField(0, `${path(glibc)}/bin`), 1],
  ["a path out of the store", withField(0, "/nix/store/../../etc"), 1],
  ["no path", withField(0, ""), 1],
  ["another hash", withField(1, `md5:${hash.slice(32)}`), 1],
  ["half a hash", withField(1, hash.slice(32)), 1],
  ["a size that is none", withField(8, "-1"), 7],
  ["a size in words", withField(2, "many"), 1],
  ["another deriver", withField(9, "unknown-deriver"), 7],
  ["no number of references", withField(4, ""), 1],
  ["a number that is none", withField(10, "2x"), 7],
  ["fewer references than it has", withField(10, "1"), 13],
  ["a line too many", withField(5, path(glibc), path(glibc)), 7],
  ["an empty line between", withField(5, path(glibc), ""), 7],
  ["lines with carriage returns", sample.replaceAll("\n", "\r\n"), 1],
  ["its end cut off in a path's fields", fields.slice(0, 9).join("\n"), 7],
  ["another text", "<html>502 Bad Gateway</html>\n", 1],
])("a registration with %s is damaged", (_, text, line) => {
  expect(() => parseRegistration(text)).toThrow(new Error(`its registration is damaged at line ${line}`));
});

test.each([
  ["its end cut off", fields.slice(0, -1).join("\n")],
  ["more references than it has", withField(10, "3")],
  ["more references than any has", withField(4, "9".repeat(400))],
])("a registration with %s ends too early", (_, text) => {
  expect(() => parseRegistration(text)).toThrow(new Error("its registration ends too early"));
});

test.each([
  ["a path that is not there", fields.slice(6).join("\n"), glibc],
  ["half a name", sample.trimEnd().slice(0, -3), glibc.slice(0, -3)],
  ["what is no store path", withField(5, "/etc/passwd"), "/etc/passwd"],
  ["a deriver", withField(5, path(deriver)), deriver],
])("a registration that refers to %s lacks it", (_, text, lacking) => {
  expect(() => parseRegistration(text)).toThrow(new Error(`its registration lacks ${lacking}`));
});

test.each([
  glibc,
  `${"0".repeat(32)}-a`,
  `${"z".repeat(32)}-A+b_c=d?e.f-1`,
  `${"1".repeat(32)}-${"x".repeat(211)}`,
])("%s names a store path", (name) => {
  expect(nameOf(path(name))).toBe(name);
});

test.each([
  "",
  "/nix/store",
  "/nix/store/",
  "/nix/store/..",
  glibc,
  `/nix/${glibc}`,
  `/home${path(glibc)}`,
  `${path(glibc)}/`,
  `${path(glibc)}/bin`,
  `${path(glibc)}\n`,
  `${path(glibc)} `,
  path("-glibc"),
  path(".links"),
  path(glibc.slice(1)),
  path(`0${glibc}`),
  // Letters that Nix's base 32 is without.
  ...["e", "o", "t", "u", "A"].map((letter) => path(`${letter.repeat(32)}-a`)),
  path(`${"0".repeat(32)}-`),
  path(`${"0".repeat(32)}-a;b`),
  path(`${"0".repeat(32)}-ä`),
  path(`${"0".repeat(32)}-${"x".repeat(212)}`),
])("%j is no store path", (text) => {
  expect(nameOf(text)).toBeUndefined();
});
