import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { identify } from "../../src/closure/identity.ts";
import { write } from "../support/stores.ts";

const rev = "0123456789abcdef0123456789abcdef01234567";
const other = "89abcdef0123456789abcdef0123456789abcdef";
const environment = { ...process.env };
let directory: string;
const at = (...names: string[]) => join(directory, ...names);
const of = (url: string) => identify({ url }, false);
const digestOf = async (url: string) => (await of(url))?.digest;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "identity-")));
  // The settings of whoever runs the tests are none of theirs.
  Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" });
});

afterEach(() => {
  process.env = { ...environment };
  rmSync(directory, { recursive: true });
});

describe("a reference to one commit", () => {
  test.each([
    `github:o/r/${rev}`,
    `gitlab:group/r/${rev}`,
    `gitlab:group/r.x%20y/${rev}?dir=a/b`,
    `github:o/r/${rev}?dir=sub`,
    `github:o/r?rev=${rev}`,
    `github:o/r?dir=sub&rev=${rev}`,
    `git+https://example.org/r.git?rev=${rev}`,
    `git+https://example.org/r?ref=main&rev=${rev}&dir=x&shallow=1&submodules=1&allRefs=1`,
    `git+ssh://git@example.org/r?rev=${rev}`,
    `git+file:///r?rev=${rev}`,
    `git://example.org/r?rev=${rev}`,
    // What looks like a commit elsewhere is none.
    `git+https://example.org/${other}?rev=${rev}`,
    `git+https://example.org/r?rev=${rev}&dir=${other}`,
    `git+https://example.org/r?ref=${other}&rev=${rev}`,
    `github:o/r/${rev}?dir=${other}`,
    `github:o/${other}?rev=${rev}`,
  ])("%s", async (url) => {
    expect(await of(url)).toEqual({ digest: url, rev });
  });

  test.each([
    "github:o/r",
    "github:o/r/main",
    `github:o/r/${rev.slice(1)}`,
    `github:o/r/${rev}0`,
    `github:o/r/${rev.toUpperCase()}`,
    `github:o/r/refs/${rev}`,
    `gitlab:group%2Fsub/r/${rev}`,
    `github:o/r/${rev}?ref=main`,
    `github:o/r/${rev}?host=example.org`,
    `github:o/r/main?rev=${rev}`,
    `github:o/r?rev=${rev}&rev=${other}`,
    `github:o/r?rev=${rev}&host=example.org`,
    `github:o/r?rev=${rev.slice(1)}`,
    `github:o/r?ref=${rev}`,
    "git+https://example.org/r",
    "git+https://example.org/r?ref=main",
    `git+https://example.org/r?rev=${rev}&narHash=sha256-x`,
    `git+https://example.org/r?rev=${rev}\n`,
    `https://example.org/${rev}.tar.gz`,
    `tarball+https://example.org/r.tar.gz?rev=${rev}`,
    `hg+https://example.org/r?rev=${rev}`,
    `sourcehut:~o/r/${rev}`,
    `flake:nixpkgs/${rev}`,
    `nixpkgs/${rev}`,
    `o/r?rev=${rev}`,
    "nixpkgs",
    "",
  ])("is not %j", async (url) => {
    expect(await of(url)).toBeUndefined();
  });

  test.each([
    [`github:o/r/${rev}`, `github:o/r/${other}`],
    [`github:o/r/${rev}`, `github:o/q/${rev}`],
    [`github:o/r/${rev}`, `gitlab:o/r/${rev}`],
    [`github:o/r/${rev}`, `github:o/r/${rev}?dir=a`],
    [`git+file:///r?rev=${rev}`, `git+file:///r?rev=${rev}&submodules=1`],
  ])("%s is unlike %s", async (a, b) => {
    expect(await digestOf(a)).not.toBe(await digestOf(b));
  });
});

describe("the action's own flake", () => {
  const own = () => identify({ url: `path:${at("action")}` }, true);

  beforeEach(() => {
    for (const name of ["flake.nix", "flake.lock", "nix/rootfs.nix", "src/main.ts"])
      write(at("action", name), name);
  });

  test("is known by what the environment is made of", async () => {
    const before = await own();
    expect(before).toEqual({
      digest: expect.stringMatching(/^own [0-9a-f]{64}$/),
      rev: expect.stringMatching(/^sha256-[\w+/]{43}=$/),
      url: `path:${at("action")}`,
      own: true,
    });
    writeFileSync(at("action", "src", "main.ts"), "other");
    const after = await own();
    expect(after?.digest).toBe(before?.digest);
    expect(after?.rev).not.toBe(before?.rev);
    writeFileSync(at("action", "nix", "rootfs.nix"), "other");
    expect((await own())?.digest).not.toBe(before?.digest);
  });

  test("is not known where its tree cannot be read", async () => {
    execFileSync("mkfifo", [at("action", "fifo")]);
    expect(await own()).toBeUndefined();
  });
});

describe.each([
  ["path:", (url: string) => ({ url })],
  ["", () => ({})],
])("a directory given as %jPATH", (scheme, urlOf) => {
  const url = (query = "") => `${scheme}${at("tree")}${query}`;

  beforeEach(() => {
    write(at("tree", "flake.nix"), "{ }");
    write(at("tree", "sub", "flake.nix"), "{ }");
  });

  test("is known by all of its files", async () => {
    const before = await of(url());
    const args = ["--extra-experimental-features", "nix-command", "hash", "path", at("tree")];
    const hash = execFileSync("nix", args, { encoding: "utf8" }).trim();
    expect(before).toEqual({
      digest: `path ${hash} `,
      rev: hash,
      ...urlOf(url()),
    });
    writeFileSync(at("tree", "flake.lock"), "{}");
    const locked = await digestOf(url());
    expect(locked).not.toBe(before?.digest);
    writeFileSync(at("tree", "flake.lock"), "{ }");
    expect(await digestOf(url())).not.toBe(locked);
    rmSync(at("tree", "flake.lock"));
    writeFileSync(at("tree", "sub", "more"), "");
    expect(await digestOf(url())).not.toBe(before?.digest);
    rmSync(at("tree", "sub", "more"));
    expect(await of(url())).toEqual(before);
  });

  test("is known wherever it is", async () => {
    const before = await digestOf(url());
    renameSync(at("tree"), at("moved"));
    expect(await digestOf(`${scheme}${at("moved")}`)).toBe(before);
    expect(await of(url())).toBeUndefined();
  });

  test("has another flake in each of its directories", async () => {
    const sub = await of(url("?dir=sub"));
    expect(sub?.digest).not.toBe(await digestOf(url()));
    expect(sub?.digest).not.toBe(await digestOf(`${scheme}${at("tree", "sub")}`));
  });

  test.each(["?dir=sub&lastModified=1", "?rev=x", "?dir=a%20b", "?dir=", "?narHash=sha256-x"])(
    "is left to Nix with %s",
    async (query) => {
      expect(await of(url(query))).toBeUndefined();
    },
  );

  test("is left to Nix where its path is encoded", async () => {
    renameSync(at("tree"), at("tr%65e"));
    expect(await of(`${scheme}${at("tr%65e")}`)).toBeUndefined();
  });

  test("is left to Nix where it is a link, or holds what Nix cannot", async () => {
    symlinkSync(at("tree"), at("link"));
    expect(await of(`${scheme}${at("link")}`)).toBeUndefined();
    execFileSync("mkfifo", [at("tree", "fifo")]);
    expect(await of(url())).toBeUndefined();
  });
});

test("a file is no flake", async () => {
  write(at("file"), "{ }");
  expect(await of(`path:${at("file")}`)).toBeUndefined();
  expect(await of(at("file"))).toBeUndefined();
});

test("what Nix would look for further up is left to it", async () => {
  for (const name of ["flake.nix", "a/sub/flake.nix", "sub/flake.nix"]) write(at("tree", name), "{ }");
  expect(await of(at("tree"))).toBeDefined();
  // Nix takes the directory `sub` of `tree`, not that of `a`.
  expect(await of(`${at("tree", "a")}?dir=sub`)).toBeUndefined();
  expect(await of(`${at("tree")}?dir=a`)).toBeUndefined();
  expect(await of(at("tree", "a"))).toBeUndefined();
});

describe("a git checkout", () => {
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

  test("that is clean is known by its tree", async () => {
    expect(await of(at("repo"))).toEqual(clean());
    expect(await of(`${at("repo")}/`)).toEqual(clean());
    const before = await digestOf(at("repo"));
    git("commit", "--quiet", "--allow-empty", "--message", "the same tree");
    expect(await of(at("repo"))).toEqual({ digest: before, rev: clean().rev });
  });

  test("has another flake in each of its directories", async () => {
    expect(await of(at("repo", "sub"))).toEqual(clean("sub"));
    expect(await of(`${at("repo")}?dir=sub`)).toEqual(clean("sub"));
    expect(await of(`${at("repo")}/sub/../sub`)).toEqual(clean("sub"));
  });

  test.each<[string, () => void]>([
    ["an untracked file", () => write(at("repo", "untracked"), "")],
    ["an ignored file", () => write(at("repo", "ignored"), "")],
  ])("with %s is clean: git alone says what is in a flake", async (_, change) => {
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
  ])("with %s is left to Nix", async (_, change) => {
    change();
    expect(await of(at("repo", "sub"))).toBeUndefined();
    expect(await of(at("repo"))).toBeUndefined();
  });

  function stage(name: string, ...options: string[]): void {
    write(at("repo", name), "other");
    git("add", ...options, name);
  }

  test("without a commit is left to Nix", async () => {
    rmSync(at("repo", ".git"), { recursive: true });
    git("init", "--quiet");
    expect(await of(at("repo"))).toBeUndefined();
  });

  test("whose .git is none is left to Nix, and not taken for the one around it", async () => {
    write(at("repo", "inner", "flake.nix"), "{ }");
    commit();
    expect(await of(at("repo", "inner"))).toEqual(clean("inner"));
    mkdirSync(at("repo", "inner", ".git"));
    expect(await of(at("repo", "inner"))).toBeUndefined();
  });

  test("whose files are elsewhere is left to Nix", async () => {
    git("worktree", "add", "--quiet", at("other"));
    expect(await of(at("other"))).toEqual(clean());
    git("config", "core.worktree", at("other"));
    expect(await of(at("repo"))).toBeUndefined();
  });

  test("is not another one by a path with ..", async () => {
    write(at("beside", "flake.nix"), "{ }");
    expect(await digestOf(`${at("repo")}/../beside`)).toBe(await digestOf(at("beside")));
    expect(await digestOf(at("beside"))).toMatch(/^path /);
  });

  test("given as path: is known by its files, not by its repository", async () => {
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

    test("that is clean is known by its tree", async () => {
      expect(await of(at("repo"))).toEqual(clean());
      expect(await of(at("repo", "module"))).toEqual({
        digest: `git ${inside("rev-parse", "HEAD^{tree}")} `,
        rev: inside("rev-parse", "HEAD"),
      });
    });

    test.each<[string, () => void]>([
      ["a changed file", () => appendFileSync(at("repo", "module", "flake.nix"), " ")],
      ["another commit", () => inside("commit", "--quiet", "--allow-empty", "--message", "more")],
    ])("with %s is left to Nix, also where git is told not to look", async (_, change) => {
      git("config", "--file", ".gitmodules", "submodule.module.ignore", "all");
      commit();
      git("config", "diff.ignoreSubmodules", "all");
      expect(await of(at("repo"))).toEqual(clean());
      change();
      expect(await of(at("repo"))).toBeUndefined();
    });
  });
});
