import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { identify } from "../../src/closure/identity.ts";
import { write } from "../support/stores.ts";

const environment = { ...process.env };
let directory: string;
const at = (...names: string[]) => join(directory, ...names);
const of = (url: string) => identify({ url }, false);
const digestOf = async (url: string) => (await of(url))?.digest;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "checkout-")));
  // The settings of whoever runs the tests are none of theirs.
  Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" });
});

afterEach(() => {
  process.env = { ...environment };
  rmSync(directory, { recursive: true });
});

const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], {
    cwd: at("repo"),
    encoding: "utf8",
    stdio: "pipe",
    env: process.env,
  }).trim();
const commit = () => {
  git("add", "--all");
  git("commit", "--quiet", "--message", "change");
};
const clean = (subdirectory = "") => ({
  digest: `git ${git("rev-parse", "HEAD^{tree}")} ${subdirectory}`,
  rev: git("rev-parse", "HEAD"),
});

beforeEach(() => {
  for (const name of ["flake.nix", "sub/flake.nix", ".gitignore"]) write(at("repo", name), "/ignored\n");
  git("init", "--quiet");
  commit();
});

test("one that is clean is known by its tree", async () => {
  expect(await of(at("repo"))).toEqual(clean());
  expect(await of(`${at("repo")}/`)).toEqual(clean());
  const before = await digestOf(at("repo"));
  git("commit", "--quiet", "--allow-empty", "--message", "the same tree");
  expect(await of(at("repo"))).toEqual({ digest: before, rev: clean().rev });
});

test("it has another flake in each of its directories", async () => {
  expect(await of(at("repo", "sub"))).toEqual(clean("sub"));
  expect(await of(`${at("repo")}?dir=sub`)).toEqual(clean("sub"));
  expect(await of(`${at("repo")}/sub/../sub`)).toEqual(clean("sub"));
});

test.each<[string, () => void]>([
  ["an untracked file", () => write(at("repo", "untracked"), "")],
  ["an ignored file", () => write(at("repo", "ignored"), "")],
])("one with %s is clean: git alone says what is in a flake", async (_, change) => {
  change();
  expect(await of(at("repo"))).toEqual(clean());
});

test.each<[string, () => void]>([
  ["a changed file", () => appendFileSync(at("repo", "flake.nix"), " ")],
  ["a changed file elsewhere in it", () => appendFileSync(at("repo", ".gitignore"), " ")],
  ["a removed file", () => rmSync(at("repo", ".gitignore"))],
  ["a new file that was added", () => stage("more")],
  ["a new file that is meant to be added", () => stage("more", "--intent-to-add")],
  ["a staged change", () => stage("flake.nix")],
  ["an executable bit", () => execFileSync("chmod", ["+x", at("repo", "flake.nix")])],
])("one with %s is left to Nix", async (_, change) => {
  change();
  expect(await of(at("repo", "sub"))).toBeUndefined();
  expect(await of(at("repo"))).toBeUndefined();
});

function stage(name: string, ...options: string[]): void {
  write(at("repo", name), "other");
  git("add", ...options, name);
}

test("one without a commit is left to Nix", async () => {
  rmSync(at("repo", ".git"), { recursive: true });
  git("init", "--quiet");
  expect(await of(at("repo"))).toBeUndefined();
});

test("one whose .git is none is left to Nix, and not taken for the one around it", async () => {
  write(at("repo", "inner", "flake.nix"), "{ }");
  commit();
  expect(await of(at("repo", "inner"))).toEqual(clean("inner"));
  mkdirSync(at("repo", "inner", ".git"));
  expect(await of(at("repo", "inner"))).toBeUndefined();
});

test("one whose files are elsewhere is left to Nix", async () => {
  git("worktree", "add", "--quiet", at("other"));
  expect(await of(at("other"))).toEqual(clean());
  git("config", "core.worktree", at("other"));
  expect(await of(at("repo"))).toBeUndefined();
});

test("it is not another one by a path with ..", async () => {
  write(at("beside", "flake.nix"), "{ }");
  expect(await digestOf(`${at("repo")}/../beside`)).toBe(await digestOf(at("beside")));
  expect(await digestOf(at("beside"))).toMatch(/^path /);
});

test("one given as path: is known by its files, not by its repository", async () => {
  const url = `path:${at("repo")}`;
  const before = await of(url);
  expect(before).toEqual({ digest: expect.stringMatching(/^path sha256-/), url });
  git("commit", "--quiet", "--allow-empty", "--message", "the same tree");
  expect(await of(url)).toEqual(before);
  write(at("repo", "untracked"), "");
  expect(await digestOf(url)).not.toBe(before?.digest);
});

describe("with a submodule", () => {
  const inside = (...args: string[]) => git("-C", at("repo", "module"), ...args);

  beforeEach(() => {
    execFileSync("git", ["clone", "--quiet", at("repo"), at("module")], { stdio: "pipe" });
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", at("module"), "module");
    commit();
  });

  test("one that is clean is known by its tree", async () => {
    expect(await of(at("repo"))).toEqual(clean());
    expect(await of(at("repo", "module"))).toEqual({
      digest: `git ${inside("rev-parse", "HEAD^{tree}")} `,
      rev: inside("rev-parse", "HEAD"),
    });
  });

  test.each<[string, () => void]>([
    ["a changed file", () => appendFileSync(at("repo", "module", "flake.nix"), " ")],
    ["another commit", () => inside("commit", "--quiet", "--allow-empty", "--message", "more")],
  ])("one with %s is left to Nix, also where git is told not to look", async (_, change) => {
    git("config", "--file", ".gitmodules", "submodule.module.ignore", "all");
    commit();
    git("config", "diff.ignoreSubmodules", "all");
    expect(await of(at("repo"))).toEqual(clean());
    change();
    expect(await of(at("repo"))).toBeUndefined();
  });
});
