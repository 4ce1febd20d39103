import { expect, test } from "@jest/globals";
import { isAtLeast, majorMinor } from "../src/version.ts";

test.each([
  ["5.3.0", true],
  ["5.10.0", true],
  ["6.0.0", true],
  ["10.1.0", true],
  ["5.4.0-dev", true],
  ["5.2.9", false],
  ["4.9.3", false],
  ["3.30", false],
])("%s is at least 5.3: %s", (version, expected) => {
  expect(isAtLeast(version, 5, 3)).toBe(expected);
});

test("a version without its last part", () => {
  expect([majorMinor("5.8.2"), majorMinor("5.10"), majorMinor("6")]).toEqual(["5.8", "5.10", "6"]);
});
