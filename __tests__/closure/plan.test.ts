import { afterEach, expect, test } from "@jest/globals";
import type { Ground } from "../../src/closure/ground.ts";
import { closureDigest } from "../../src/closure/key.ts";
import { type ClosureRequest, fits, planFor } from "../../src/closure/plan.ts";
import type { NixInputs } from "../../src/inputs.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { createInputs, createNix } from "../support/inputs.ts";

const environment = { ...process.env };
afterEach(() => {
  process.env = { ...environment };
});

const own: Ground = { nix: "own", store: true, mounted: false, root: true, mounts: true };
const ground = (changes: Partial<Ground>): Ground => ({ ...own, ...changes });
const found = { bin: "/usr/bin", version: "2.8.0" };
const requestOf = (nix: Partial<NixInputs> = {}, keep = true): ClosureRequest => ({
  ...createInputs({ nix: createNix(nix), keep }),
  action: "/action",
  workspace: "/work",
  temporary: "/temp",
  run: "1.1.test",
  home: "/temp/home",
});
const planOf = (nix: Partial<NixInputs> = {}, on: Ground = own, has?: typeof found) =>
  planFor(requestOf(nix), { url: "github:o/r", attribute: "podman" }, { digest: "own abc" }, on, has);
const digestOf = (nix: Partial<NixInputs>) => closureDigest(planOf(nix).parts);

test.each<[boolean, NixInputs["mode"], Ground, typeof found | undefined]>([
  // Its Nix is in the closure.
  [true, "auto", own, undefined],
  [true, "install", own, undefined],
  [false, "existing", own, undefined],
  [true, "auto", ground({ nix: "missing" }), undefined],
  [true, "install", ground({ nix: "missing" }), undefined],
  [false, "existing", ground({ nix: "missing" }), undefined],
  // No /nix can be made.
  [false, "auto", ground({ nix: "missing", root: false }), undefined],
  [false, "install", ground({ nix: "missing", root: false }), undefined],
  [true, "auto", ground({ root: false }), undefined],
  // Nix would have to be installed into another's store.
  [false, "auto", ground({ nix: "foreign" }), undefined],
  [false, "install", ground({ nix: "foreign" }), undefined],
  // The machine's own Nix.
  [true, "auto", own, found],
  [true, "existing", own, found],
  [true, "existing", ground({ nix: "foreign" }), found],
  [true, "auto", ground({ nix: "foreign", root: false }), found],
  // It has its store elsewhere.
  [false, "auto", ground({ nix: "missing" }), found],
])("a closure can be used: %s, with nix: %s, %j, and Nix %j", (can, mode, on, nix) => {
  expect(fits(on, nix, requestOf({ mode }))).toBe(can);
});

test("a closure is named by the system, the form, Nix, the flake, its attribute and settings", () => {
  expect(planOf({ config: "cores = 1", publicKeys: ["key"] }).parts).toEqual({
    system: currentSystem(),
    form: "squashfs",
    nix: "2.34.7",
    flake: "own abc",
    attribute: "podman",
    settings: ["accept-flake-config false", "key", "cores = 1"],
  });
});

test("the machine's own Nix is not in the closure, and a tarball's is known by its hash", () => {
  expect(planOf({}, own, found).parts.nix).toBeUndefined();
  const tarball = { url: "https://example.org/nix.tar.xz", sha256: "0".repeat(64) };
  expect(planOf({ tarball }).parts.nix).toBe(tarball.sha256);
  expect(planOf({ tarball }, own, found).parts.nix).toBeUndefined();
});

test("the form is that which the machine can use", () => {
  expect(planOf({}, ground({ mounts: false })).parts.form).toBe("tar");
});

test.each<[string, Partial<NixInputs>]>([
  ["a key whose paths are believed", { publicKeys: ["example.org-1:abc="] }],
  ["a flake's own settings", { acceptFlakeConfig: true }],
  ["a setting", { config: "sandbox = false" }],
])("another closure is named by %s", (_, nix) => {
  expect(digestOf(nix)).not.toBe(digestOf({}));
});

test.each<[string, Partial<NixInputs>]>([
  ["a token", { githubToken: "ghs_secret" }],
  ["tokens in the settings", { config: "access-tokens = github.com=ghs_secret" }],
  ["more tokens in them", { config: "extra-access-tokens = github.com=ghs_secret" }],
  ["an indented line of them", { config: "  \taccess-tokens=github.com=ghs_secret" }],
  ["a file with passwords", { config: "netrc-file = /home/runner/.netrc" }],
  ["empty lines", { config: "\n  \n\n" }],
  ["where paths are from", { substituters: ["https://example.org"] }],
])("a closure's name does not depend on %s", (_, nix) => {
  expect(digestOf(nix)).toBe(digestOf({}));
  expect(JSON.stringify(planOf(nix).parts)).not.toContain("secret");
});

test("settings beside a secret count", () => {
  const secret = "access-tokens = github.com=ghs_secret";
  expect(planOf({ config: `cores = 1\n${secret}\nsandbox = false` }).parts.settings).toEqual([
    "accept-flake-config false",
    "cores = 1",
    "sandbox = false",
  ]);
});

test.each<[string | undefined, boolean, boolean, boolean]>([
  ["github-hosted", true, true, true],
  ["github-hosted", false, true, true],
  ["self-hosted", true, false, false],
  ["self-hosted", false, true, false],
  [undefined, true, false, false],
])("on a runner that is %s with keep: %s all ends with the job: %s", (runner, keep, ends, hosted) => {
  delete process.env.RUNNER_ENVIRONMENT;
  if (runner !== undefined) process.env.RUNNER_ENVIRONMENT = runner;
  const plan = planFor(requestOf({}, keep), { url: "u" }, { digest: "d" }, own, undefined);
  expect(plan).toMatchObject({ ends, hosted });
});
