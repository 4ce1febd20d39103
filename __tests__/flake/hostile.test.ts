import { existsSync, mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { run } from "../../src/exec.ts";
import { parseReference } from "../../src/flake/reference.ts";
import { build, lockFlake } from "../../src/flake/resolve.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { loadWith } from "../support/inputs.ts";
import { type NixLab, nixReleases, openNixLab } from "../support/nix-lab.ts";

// What a reference or a revision must not do is to make this file. `MARK` stands for its path.
const revisions = [
  "$(touch MARK)",
  "`touch MARK`",
  "main;touch MARK",
  "main\ntouch MARK",
  "main|touch MARK",
  "--upload-pack=touch MARK",
  "-oProxyCommand=touch",
  "'main'",
  '"main"',
  "main#x",
  "main?host=localhost",
  "main%20",
];
const refused = [
  "--option",
  "-I",
  "--expr",
  "--file=/etc/passwd",
  "$(touch MARK)",
  "`touch MARK`",
  "github:a/b;touch MARK",
  "path:/srv\n--impure",
  ".#a\nb",
  "./a --impure",
  "git+ext::sh -c touch",
  "git+ext://touch",
  "javascript:x",
];
/** Taken as they are: all in them is data, whatever else a shell, git or Nix might make of it. */
const taken = [
  "path:./$(touch$IFS'MARK')",
  "./`touch$IFS'MARK'`",
  "path:./a;touch$IFS'MARK'",
  "./--option",
  "path:--option",
  "path:./a&&touch$IFS'MARK'|x",
  "git+file://DIR/git?ref=--upload-pack=touch$IFS'MARK'",
  "git+file://DIR/git?ref=$(touch$IFS'MARK')",
  "git+file://DIR/git?rev=$(touch$IFS'MARK')",
  "git+ssh://-oProxyCommand=touch$IFS'MARK'/x",
  "git+ssh://a@-oProxyCommand=touch$IFS'MARK'/x",
  "git+file://DIR/$(touch$IFS'MARK')",
];
const attributes = [
  "$(touch$IFS'MARK')",
  "`touch$IFS'MARK'`",
  "--impure",
  "a;touch$IFS'MARK'",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: of Nix
  '"${builtins.exec["touch""MARK"]}"',
  "a^out,--option",
  "..",
];

test.each(revisions)("rev %j is refused", (rev) => {
  expect(() => loadWith({ rev })).toThrow(/^Invalid rev '/);
});

test.each(refused)("flake %j is refused", (flake) => {
  expect(() => loadWith({ flake })).toThrow(/^Invalid flake '/);
});

describe.each(nixReleases)("with Nix of %s, %s", (release, version) => {
  let lab: NixLab;
  const environment = { ...process.env };
  const fill = (text: string) => text.replaceAll("MARK", lab.path("mark")).replaceAll("DIR", lab.path());
  beforeAll(async () => {
    jest.spyOn(process.stdout, "write").mockReturnValue(true);
    lab = await openNixLab(release, version);
    Object.assign(process.env, lab.env);
    lab.flake("flake", `{ packages.${currentSystem()}.x = 1; }`);
    mkdirSync(lab.path("git"));
    const git = (...args: string[]) =>
      run("git", ["-C", lab.path("git"), "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
    await git("init", "--quiet");
    await git("commit", "--quiet", "--allow-empty", "--message=x");
  }, 300_000);
  afterAll(() => {
    process.env = environment;
    lab.close();
    jest.restoreAllMocks();
  });

  test.each(taken)("flake %j is data", async (given) => {
    const flake = fill(given);
    expect(loadWith({ flake }).flake).toBe(flake);
    const reference = parseReference(flake, "/action", lab.path());
    expect(reference.url).toMatch(/^[/a-z]/);
    await expect(lockFlake(lab.nix, reference)).rejects.toThrow(/^Cannot read the flake /);
    expect(existsSync(lab.path("mark"))).toBe(false);
  });

  test.each(attributes)("attribute %j is data", async (given) => {
    const flake = fill(`path:${lab.path("flake")}#${given}`);
    expect(loadWith({ flake }).flake).toBe(flake);
    const { url, attribute = "" } = parseReference(flake, "/action", lab.path());
    const locked = await lockFlake(lab.nix, { url });
    const tried = await build(lab.nix, locked, attribute, lab.path("link"));
    expect(Object.keys(tried)).not.toContain("output");
    expect([lab.path("mark"), lab.path("link")].filter((path) => existsSync(path))).toEqual([]);
  });
});
