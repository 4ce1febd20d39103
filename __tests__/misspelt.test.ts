import { expect, test } from "@jest/globals";
import { misspeltInputs, slips } from "../src/misspelt.ts";
import { readActionFile } from "./support/inputs.ts";

const known = Object.keys(readActionFile().inputs);

test.each([
  ["INPUT_FLAKES", "flakes", "flake"],
  ["INPUT_REF", "ref", "rev"],
  ["INPUT_IMAGE", "image", "images"],
  ["INPUT_STORAGE_DRIVER", "storage_driver", "storage-driver"],
  ["INPUT_CAHCE-KEY", "cahce-key", "cache-key"],
  ["INPUT_CAHCE", "cahce", "cache"],
  ["INPUT_LOOKUPONLY", "lookuponly", "lookup-only"],
  ["INPUT_DOCKER-SHIMS", "docker-shims", "docker-shim"],
])("%s", (variable, given, meant) => {
  expect(misspeltInputs(["PATH", variable], known)).toEqual([{ given, meant }]);
});

test.each(["INPUT_PUSH", "INPUT_VERSION", "INPUT_USERNAME", "INPUT_", "FLAKES", "MY_INPUT_FLAKES"])(
  "%s is the workflow's own",
  (variable) => {
    expect(misspeltInputs([variable], known)).toEqual([]);
  },
);

test("no input is taken for another", () => {
  expect(
    misspeltInputs(
      known.map((name) => `INPUT_${name.toUpperCase()}`),
      known,
    ),
  ).toEqual([]);
});

test.each([
  ["", "", 0],
  ["", "abc", 3],
  ["flake", "flake", 0],
  ["flakes", "flake", 1],
  ["flke", "flake", 1],
  ["fleke", "flake", 1],
  ["falke", "flake", 1],
  ["ab", "ba", 1],
  ["docker", "doctor", 2],
  ["kitten", "sitting", 3],
])("from %j to %j it is %d slips", (one, other, apart) => {
  expect(slips(one, other)).toBe(apart);
  expect(slips(other, one)).toBe(apart);
});
