import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { identify } from "../../src/closure/identity.ts";
import { write } from "../support/stores.ts";

const rev = "0123456789abcdef0123456789abcdef01234567";
const other = "89abcdef0123456789abcdef0123456789abcdef";
let directory: string;
const at = (...names: string[]) => join(directory, ...names);
const of = (url: string) => identify({ url }, false);
const digestOf = async (url: string) => (await of(url))?.digest;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "identity-")));
});

afterEach(() => rmSync(directory, { recursive: true }));

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
