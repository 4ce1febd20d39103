import { expect, test } from "@jest/globals";
import { type ClosureParts, closureDigest, closureKey } from "../../src/closure/key.ts";

const parts: ClosureParts = {
  system: "x86_64-linux",
  form: "squashfs",
  nix: "2.34.7",
  flake: "own abc",
  attribute: "podman",
  settings: ["accept-flake-config false", "key"],
};

test("the key names the system, the form and what is in the closure", () => {
  expect(closureDigest(parts)).toMatch(/^[0-9a-f]{32}$/);
  expect(closureKey(parts)).toBe(`podman-rootless-closure-v1-x86_64-linux-squashfs-${closureDigest(parts)}`);
});

test.each<[string, Partial<ClosureParts>]>([
  ["another system", { system: "aarch64-linux" }],
  ["another Nix", { nix: "2.34.6" }],
  ["no Nix", { nix: undefined }],
  ["another flake", { flake: "own abd" }],
  ["another attribute", { attribute: "other" }],
  ["no attribute", { attribute: undefined }],
  ["an attribute without a name", { attribute: "" }],
  ["another setting", { settings: ["accept-flake-config true", "key"] }],
  ["a setting less", { settings: ["accept-flake-config false"] }],
  ["settings in another order", { settings: ["key", "accept-flake-config false"] }],
  ["settings that are one text together", { settings: ["accept-flake-config false,key"] }],
  ["the same texts in other places", { nix: parts.flake, flake: parts.nix ?? "" }],
])("%s is another closure", (_, change) => {
  expect(closureDigest({ ...parts, ...change })).not.toBe(closureDigest(parts));
  expect(closureKey({ ...parts, ...change })).not.toBe(closureKey(parts));
});

test("another form is the same closure, and another entry", () => {
  expect(closureDigest({ ...parts, form: "tar" } as ClosureParts)).toBe(closureDigest(parts));
  expect(closureKey({ ...parts, form: "tar" })).not.toBe(closureKey(parts));
});

test("no Nix is not one of that name", () => {
  expect(closureDigest({ ...parts, nix: undefined })).not.toBe(closureDigest({ ...parts, nix: "null" }));
});
