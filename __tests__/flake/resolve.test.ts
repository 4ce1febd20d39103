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
import { build, candidateAttributes, lockFlake } from "../../src/flake/resolve.ts";
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

/** The attribute that is tried first. */
const choose = async (reference: string) =>
  (await candidateAttributes(nix, await lockFlake(nix, { url: reference }), system))[0];

test("a flake by path is locked to its content's hash and stays at its path", async () => {
  const url = flake("locked", "");
  const locked = await lockFlake(nix, { url });
  expect(locked).toEqual({ url, rev: expect.stringMatching(/^sha256-[A-Za-z0-9+/]{43}=$/) });
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
  ["rootfs first", "rootfs = 1; default = 2; podman = 3;", "rootfs"],
  ["default next", 'default.type = "derivation"; podman = 3; other = 4;', "default"],
  ["podman then", 'podman.type = "derivation"; other = 4;', "podman"],
])("of the packages it is %s", async (name, packages, chosen) => {
  const url = flake(`choice-${name}`.replace(" ", "-"), `packages.${system} = { ${packages} };`);
  expect(await choose(url)).toBe(`packages.${system}.${chosen}`);
});

test("a default that is no package does not stand before a podman that is one", async () => {
  const url = flake(
    "nested",
    `packages.${system} = { default.${system} = 1; podman = ${derivation("p")}; };`,
  );
  expect(await choose(url)).toBe(`packages.${system}.podman`);
});

test("a flake of 2021 has its defaultPackage chosen", async () => {
  expect(await choose(flake("old", `defaultPackage.${system} = 1; devShell.${system} = 2;`))).toBe(
    `defaultPackage.${system}`,
  );
});

test.each([
  ["what it has", `packages.${system} = { hello = 1; world = 2; };`, "hello, world"],
  [
    "for another system alone",
    "packages.riscv64-linux.podman = 1; defaultPackage.riscv64-linux = 1;",
    "none",
  ],
  ["nothing at all", "", "none"],
])("a flake without podman is refused, with %s", async (name, outputs, has) => {
  const url = flake(`without-${name}`.replaceAll(" ", "-"), outputs);
  await expect(choose(url)).rejects.toThrow(
    new Error(
      `The flake ${url} has no podman for ${system}: none of the packages rootfs, default, podman. It has: ${has}. Name one with flake: ${url}#ATTRIBUTE`,
    ),
  );
});

test("a flake without a lock file is not written to, and one in an archive works too", async () => {
  const input = flake("input", "");
  const url = flake(
    "lockless",
    `packages.${system}.podman = ${derivation("lockless")};`,
    `inputs.a.url = "${input}";`,
  );
  const locked = await lockFlake(nix, { url });
  const [attribute = ""] = await candidateAttributes(nix, locked, system);
  await build(nix, locked, attribute, join(directory, "lockless-link"));
  expect(readdirSync(join(directory, "lockless"))).toEqual(["flake.nix"]);

  const archive = join(directory, "archive.tar.gz");
  await run("tar", ["--create", "--gzip", "--file", archive, "--directory", directory, "lockless"]);
  expect(await choose(`file://${archive}`)).toBe(`packages.${system}.podman`);
});

test("what is built is the output, with a link that keeps it", async () => {
  const url = flake("built", `packages.${system}.podman = ${derivation("built")};`);
  const link = join(directory, "link");
  const path = await build(nix, await lockFlake(nix, { url }), `packages.${system}.podman`, link);
  expect(path).toMatch(/^\/nix\/store\/[0-9a-z]{32}-built$/);
  expect(readFileSync(path, "utf8")).toBe("built\n");
  expect(readlinkSync(link)).toBe(path);
});

test("a build that fails is an error in one line", async () => {
  const url = flake(
    "failing",
    `packages.${system}.podman = ${derivation("failing", "echo no >&2; exit 7")};`,
  );
  await expect(
    build(nix, await lockFlake(nix, { url }), `packages.${system}.podman`, join(directory, "none")),
  ).rejects.toThrow(
    new RegExp(`^Cannot build ${url}#packages.${system}.podman: .*failing.drv.* exit code 7.*$`),
  );
  expect(readdirSync(directory)).not.toContain("none");
});
