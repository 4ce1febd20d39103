import { expect, test } from "@jest/globals";
import { flakeError } from "../../src/flake/errors.ts";

const hint = " Give github-token: without one GitHub limits requests.";

test.each([
  [
    "Nix 2.8: the error stands first, its place after it",
    `warning: Git tree '/project' is dirty
error: undefined variable 'nope'

       at /nix/store/x-source/flake.nix:1:40:

            1| { outputs = _: nope; }
             |                ^
(use '--show-trace' to show detailed location information)
`,
    "undefined variable 'nope'",
  ],
  [
    "Nix 2.26: the error stands last, below its trace",
    `error:
       … while evaluating the attribute 'packages'
         at «string»:1:2:

       (stack trace truncated; use '--show-trace' to show the full, detailed trace)

       error: attribute 'podman' missing
       at /nix/store/x-source/flake.nix:3:5:
`,
    "attribute 'podman' missing",
  ],
  [
    "GitHub's limit",
    `error: unable to download 'https://api.github.com/repos/a/b/commits/HEAD': HTTP error 403

       response body:

       {"message":"API rate limit exceeded"}
`,
    `unable to download 'https://api.github.com/repos/a/b/commits/HEAD': HTTP error 403${hint}`,
  ],
  [
    "too many requests",
    "error: unable to download 'https://github.com/a': HTTP error 429 (Too Many Requests)\n",
    `unable to download 'https://github.com/a': HTTP error 429 (Too Many Requests)${hint}`,
  ],
  [
    "not found",
    "error: unable to download 'https://github.com/a': HTTP error 404\n",
    "unable to download 'https://github.com/a': HTTP error 404",
  ],
  ["something else than an error", "Segmentation\n\n  fault \nin\nthe evaluator\n", "fault in the evaluator"],
  ["nothing", "", ""],
])("of %s one line is left", (_, stderr, reason) => {
  expect(flakeError("Cannot build x", stderr)).toEqual(new Error(`Cannot build x: ${reason}`));
});
