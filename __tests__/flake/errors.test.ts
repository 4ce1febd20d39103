import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { flakeError } from "../../src/flake/errors.ts";

const hint = " Give github-token: without one GitHub limits requests.";

test.each([
  [
    "Nix 2.8: the error stands first, its place after it",
    `warning: Git tree '/project' is dirty
error: undefined variable 'nope'

       at /nix/store/8fhah1sfm741kwffm1qxy4dryzfj37p4-source/flake.nix:1:40:

            1| { outputs = _: nope; }
             |                ^
(use '--show-trace' to show detailed location information)
`,
    "undefined variable 'nope' at flake.nix:1:40",
  ],
  [
    "Nix 2.26: the error stands last, below its trace",
    `error:
       … while evaluating the attribute 'packages'
         at «string»:1:2:

       (stack trace truncated; use '--show-trace' to show the full, detailed trace)

       error: attribute 'podman' missing
       at /nix/store/8fhah1sfm741kwffm1qxy4dryzfj37p4-source/flake.nix:3:5:
`,
    "attribute 'podman' missing at flake.nix:3:5",
  ],
  [
    "GitHub's limit",
    `error: unable to download 'https://api.github.com/repos/a/b/commits/HEAD': HTTP error 403

       response body:

       {"message":"API rate limit exceeded"}
`,
    `unable to download 'https://api.github.com/repos/a/b/commits/HEAD': HTTP error 403 (API rate limit exceeded).${hint}`,
  ],
  [
    "too many requests",
    "error: unable to download 'https://github.com/a': HTTP error 429 (Too Many Requests)\n",
    `unable to download 'https://github.com/a': HTTP error 429 (Too Many Requests).${hint}`,
  ],
  [
    "not found",
    "error: unable to download 'https://github.com/a': HTTP error 404\n",
    "unable to download 'https://github.com/a': HTTP error 404. There is no such repository or revision, or it is private: then give a github-token that may read it.",
  ],
  ["something else than an error", "Segmentation\n\n  fault \nin\nthe evaluator\n", "fault in the evaluator"],
  ["nothing", "", ""],
])("of %s one line is left", (_, stderr, reason) => {
  expect(flakeError("Cannot build x", stderr)).toEqual(new Error(`Cannot build x: ${reason}`));
});

const limited =
  /(HTTP error|returned error:) (403|429)\b.*\. Give github-token: without one GitHub limits requests\.$/;
const missing =
  /(HTTP error 40[14]\b|could not read Username for 'http|repository 'http.*' not found).*\. There is no such repository or revision, or it is private: then give a github-token that may read it\.$/;
const revision = /nosuch|0123456789.*\. There is no such revision: check the reference's rev or ref\.$/;
const offline = /(resolve host|connect to).*\. Check the runner's network, and its proxy\.$/;

/** What real Nix said of each, by version in nix-errors, and what is said of it. */
const samples: Record<string, RegExp> = {
  "401": missing,
  "403": limited,
  "404": missing,
  "429": limited,
  "git 401": missing,
  "git 403": limited,
  "git 404": missing,
  "git 429": limited,
  "no network": /api\.github\.com.*\. Check the runner's network, and its proxy\.$/,
  "git, no network": offline,
  "no flake.nix": /flake\.nix'.*There is no flake\.nix at that place: \?dir=DIRECTORY/,
  "no such dir": /sub.*There is no flake\.nix at that place: \?dir=DIRECTORY/,
  "nothing there": /'\/{1,2}srv\/none'(: No such file or directory| does not exist)$/,
  "no repository":
    /\/srv\/gitnone.*(not appear to be a git repository|does not exist)\. Check the reference's path\.$/,
  "no such rev": revision,
  "no such ref": revision,
  "infinite recursion": /^W: infinite recursion encountered at flake\.nix:1:24$/,
  abort: /^W: evaluation aborted with the following error message: 'stop it'/,
  build: /^W: .*podman-9\.9\.9\.drv'.*exit code 3, and its last lines: one; two; fatal: no such thing$/,
  "other system":
    /aarch64-linux|mismatch.*\. It is not for this machine's system: name another package with flake: REFERENCE#ATTRIBUTE\.$/,
  "no space": /(No space left on device|disk is full).*\. Make room: there is \d.* at \/.*\.$/,
};

describe.each(["2.8", "2.26", "2.34"])("of Nix %s", (version) => {
  const texts = Object.fromEntries(
    readFileSync(join(import.meta.dirname, "nix-errors", `${version}.txt`), "utf8")
      .split(/^### /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf("\n")), section.slice(section.indexOf("\n") + 1)]),
  );

  test.each(Object.entries(samples))("%s", (name, expected) => {
    const { message } = flakeError("W", texts[name] ?? "");
    expect(message).toMatch(expected);
    expect(message).not.toMatch(/\n|--show-trace|exception/);
  });

  test("there is no other sample", () => {
    expect(Object.keys(texts).sort()).toEqual(Object.keys(samples).sort());
  });
});
