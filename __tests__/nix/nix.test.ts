import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { findNix } from "../../src/nix/find.ts";
import { nixConfig, provideNix, runNix, tryNix } from "../../src/nix/nix.ts";
import { createNix } from "../support/inputs.ts";

const environment = { ...process.env };
let directory: string;
let log: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nix-"));
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  process.env = { ...environment };
  rmSync(directory, { recursive: true });
});

test("the settings have the token once, and none where it is empty", () => {
  const without = "extra-experimental-features = nix-command flakes\naccept-flake-config = false\n";
  const last = "build-users-group =\n";
  expect(nixConfig(createNix())).toBe(without + last);
  expect(nixConfig(createNix({ githubToken: "ghs_x" }))).toBe(
    `${without}extra-access-tokens = github.com=ghs_x\n${last}`,
  );
});

test("the settings have what the inputs say, the lines of nix-config last", () => {
  const inputs = createNix({
    acceptFlakeConfig: true,
    substituters: ["https://a.example", "file:///b?x=1"],
    publicKeys: ["a-1:key"],
    config: "\n  max-jobs = 2\n# and\n\nsandbox = false\n",
  });
  expect(nixConfig(inputs)).toBe(`extra-experimental-features = nix-command flakes
accept-flake-config = true
extra-substituters = https://a.example file:///b?x=1
extra-trusted-public-keys = a-1:key
build-users-group =
  max-jobs = 2
# and
sandbox = false
`);
});

const places = () => ({
  settings: join(directory, "settings"),
  own: join(directory, "own"),
  action: join(import.meta.dirname, "../.."),
});

/** A `nix` that prints its arguments and where it was told to find settings. */
function fakeNix(): string {
  const text = `#!/bin/sh
[ "$1 $2" != '--log-format internal-json' ] || shift 2
case $1 in
  --version) echo 'nix (Nix) 2.34.7' ;;
  fail) echo 'error: no' >&2; exit 1 ;;
  *) printf '%s\\n' "$*" "$NIX_USER_CONF_FILES" ;;
esac
`;
  writeFileSync(join(directory, "nix"), text);
  chmodSync(join(directory, "nix"), 0o755);
  return directory;
}

test("a Nix on PATH is used, with settings that this user alone can read", async () => {
  process.env.PATH = `${fakeNix()}:${process.env.PATH}`;
  const settings = join(directory, "settings");
  const nix = await provideNix(createNix({ githubToken: "ghs_x" }), { ...places(), settings });
  const configFile = join(settings, "nix.conf");
  expect(nix).toEqual({ bin: directory, version: "2.34.7", configFile });
  expect(readFileSync(configFile, "utf8")).toBe(nixConfig(createNix({ githubToken: "ghs_x" })));
  expect(statSync(configFile).mode & 0o777).toBe(0o600);
  expect(statSync(settings).mode & 0o777).toBe(0o700);
  expect(log).toContain(`Using Nix 2.34.7 at ${directory}\n`);
  expect(log).not.toContain("ghs_x");
});

test("commands read our settings before the user's", async () => {
  process.env.XDG_CONFIG_HOME = "/config";
  const nix = { bin: fakeNix(), version: "2.34.7", configFile: "/ours/nix.conf" };
  expect(await runNix(nix, ["build", "a b"])).toBe("build a b\n/ours/nix.conf:/config/nix/nix.conf\n");
  process.env.XDG_CONFIG_HOME = "";
  process.env.HOME = "/home/me";
  expect((await tryNix(nix, ["x"])).stdout).toBe("x\n/ours/nix.conf:/home/me/.config/nix/nix.conf\n");
});

test("a failing command is an error of one, and an outcome of the other", async () => {
  const nix = { bin: fakeNix(), version: "2.34.7" };
  await expect(runNix(nix, ["fail"])).rejects.toThrow(/nix fail failed with exit code 1: error: no$/);
  expect(await tryNix(nix, ["fail"])).toEqual({ code: 1, stdout: "", stderr: "error: no\n" });
});

test("a real Nix takes the settings", async () => {
  const found = await findNix();
  if (found === undefined) throw new Error("These tests need a Nix on PATH. Run script/bootstrap.");
  const { NIX_CONFIG: _, ...rest } = process.env;
  process.env = rest;
  const nix = await provideNix(createNix({ githubToken: "ghs_x" }), places());
  // Without the settings this Nix, or any other, refuses the command.
  expect(await runNix(nix, ["eval", "--json", "--expr", "builtins ? getFlake"])).toBe("true");
  // `nix config show` since 2.20; the old name stays.
  const shown = JSON.parse(await runNix(nix, ["show-config", "--json"])) as Record<
    string,
    { value: unknown }
  >;
  expect(shown["build-users-group"]?.value).toBe("");
  expect(shown["accept-flake-config"]?.value).not.toBe(true);
  expect(shown["access-tokens"]?.value).toMatchObject({ "github.com": "ghs_x" });
});

test("lines of nix-config count, and one that is no setting is named with Nix's own error", async () => {
  const nix = await provideNix(createNix({ config: "max-jobs = 7" }), places());
  expect(await runNix(nix, ["show-config"])).toMatch(/^max-jobs = 7$/m);
  // In later steps, too.
  expect(process.env.NIX_USER_CONF_FILES?.split(":")[0]).toBe(nix.configFile);
  await expect(provideNix(createNix({ config: "max-jobs 7" }), places())).rejects.toThrow(
    /^Invalid nix-config: Nix [\d.]+ says (illegal|syntax error in) configuration line 'max-jobs 7' in .*\. Expected lines of nix\.conf such as max-jobs = 2\.$/,
  );
  await provideNix(createNix({ config: "max-job = 7" }), places());
  expect(log).toMatch(/::warning::Nix [\d.]+ has no setting max-job\. Check nix-config\./);
});

test("with existing, none is installed", async () => {
  process.env.PATH = directory;
  process.env.HOME = directory;
  await expect(provideNix(createNix({ mode: "existing" }), places())).rejects.toThrow(
    new Error(
      "There is no Nix of 2.8 or newer, neither on PATH nor where installers put it, and the input nix is existing. Install one in a step before, or use nix: auto.",
    ),
  );
});
