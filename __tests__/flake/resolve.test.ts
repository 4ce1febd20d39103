import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { run } from "../../src/exec.ts";
import { candidates } from "../../src/flake/probe.ts";
import { build, lockFlake } from "../../src/flake/resolve.ts";
import { findNix } from "../../src/nix/find.ts";
import { type Nix, nixConfig } from "../../src/nix/nix.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { createNix } from "../support/inputs.ts";

const environment = { ...process.env };
const system = currentSystem();
let directory: string;
let nix: Nix;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "resolve-"));
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
  process.env.NIX_CONFIG = "sandbox = false\nsubstituters =";
  const found = await findNix();
  if (found === undefined) throw new Error("These tests need a Nix on PATH. Run script/bootstrap.");
  const configFile = join(directory, "nix.conf");
  writeFileSync(configFile, nixConfig(createNix()));
  nix = { ...found, configFile };
});

afterAll(() => {
  process.env = { ...environment };
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

/** Writes a flake and returns a reference to it. */
function flake(name: string, outputs: string, inputs = ""): string {
  mkdirSync(join(directory, name));
  writeFileSync(join(directory, name, "flake.nix"), `{ ${inputs} outputs = { ... }: { ${outputs} }; }\n`);
  return `path:${join(directory, name)}`;
}

const derivation = (name: string, script = 'echo "$name" >$out') =>
  `derivation { name = "${name}"; system = "${system}"; builder = "/bin/sh"; args = [ "-c" ''${script}'' ]; }`;

/** The attributes that are tried, in that order. */
const choose = async (reference: string) =>
  (await candidates(nix, await lockFlake(nix, { url: reference }), system)).map(({ attribute }) => attribute);

/** What is tried after packages, whether it is there or not. */
const legacy = [`defaultPackage.${system}`, `devShells.${system}.default`, `devShell.${system}`];

test("a flake by path is locked to its content's hash and stays at its path", async () => {
  const url = flake("locked", "");
  const locked = await lockFlake(nix, { url });
  expect(locked).toEqual({
    url,
    rev: expect.stringMatching(/^sha256-[A-Za-z0-9+/]{43}=$/),
    inputs: expect.stringMatching(/^[0-9a-f]{12}$/),
  });
  writeFileSync(join(directory, "locked", "more"), "");
  expect((await lockFlake(nix, { url })).rev).not.toBe(locked.rev);
});

test("a flake that is not there is an error in Nix's own words, in one line", async () => {
  await expect(lockFlake(nix, { url: `path:${directory}/nowhere` })).rejects.toThrow(
    new RegExp(`^Cannot read the flake path:${directory}/nowhere: .*No such file or directory.*$`),
  );
});

test("a flake that does not evaluate is an error in Nix's own words, in one line", async () => {
  const url = flake("broken", `packages.${system} = { }.nope;`);
  await expect(choose(url)).rejects.toThrow(
    new RegExp(`^Cannot evaluate ${url}#packages.${system}: attribute 'nope' missing.*$`),
  );
});

test("a flake that is not Nix is an error in Nix's own words, in one line", async () => {
  await expect(lockFlake(nix, { url: flake("syntax", "=") })).rejects.toThrow(
    /^Cannot read the flake .*: syntax error, unexpected .*$/,
  );
});

test.each([
  ["all", "podman = 3; default = 2; rootfs = 1;", ["rootfs", "default", "podman"]],
  ["no rootfs", "default = 1; podman = 3; other = 4;", ["default", "podman"]],
  ["podman alone", "podman = 1; other = 4;", ["podman"]],
  ["others", "other = 1;", []],
])("what is tried of packages: %s", async (name, packages, names) => {
  const url = flake(`choice-${name}`.replace(" ", "-"), `packages.${system} = { ${packages} };`);
  expect(await choose(url)).toEqual([...names.map((name) => `packages.${system}.${name}`), ...legacy]);
});

test("a flake without packages has the attributes of 2021 tried", async () => {
  expect(await choose(flake("old", `defaultPackage.${system} = 1; devShell.${system} = 2;`))).toEqual(legacy);
});

test("a flake without a lock file is not written to, and one in an archive works too", async () => {
  const input = flake("input", "");
  const url = flake(
    "lockless",
    `packages.${system}.podman = ${derivation("lockless")};`,
    `inputs.a.url = "${input}";`,
  );
  const locked = await lockFlake(nix, { url });
  const attribute = `packages.${system}.podman`;
  await build(nix, locked, attribute, join(directory, "lockless-link"));
  expect(readdirSync(join(directory, "lockless"))).toEqual(["flake.nix"]);

  const archive = join(directory, "archive.tar.gz");
  await run("tar", ["--create", "--gzip", "--file", archive, "--directory", directory, "lockless"]);
  expect(await choose(`file://${archive}`)).toEqual([attribute, ...legacy]);
});

test("what is built is the output, with a link that keeps it", async () => {
  const url = flake("built", `packages.${system}.podman = ${derivation("built")};`);
  const link = join(directory, "link");
  const tried = await build(nix, await lockFlake(nix, { url }), `packages.${system}.podman`, link);
  const path = "output" in tried ? tried.output : "";
  expect(path).toMatch(/^\/nix\/store\/[0-9a-z]{32}-built$/);
  expect(readFileSync(path, "utf8")).toBe("built\n");
  expect(readlinkSync(link)).toBe(path);
});

test("a build that fails is a problem in one line", async () => {
  const url = flake(
    "failing",
    `packages.${system}.podman = ${derivation("failing", "echo no >&2; exit 7")};`,
  );
  expect(
    await build(nix, await lockFlake(nix, { url }), `packages.${system}.podman`, join(directory, "none")),
  ).toEqual({
    problem: expect.stringMatching(
      new RegExp(`^Cannot build ${url}#packages.${system}.podman: .*failing.drv.* exit code 7.*$`),
    ),
  });
  expect(readdirSync(directory)).not.toContain("none");
});
