import { describe, expect, test } from "@jest/globals";
import { inputVariables, parseAction } from "./action.ts";

describe("action.yml", () => {
  const action = parseAction(
    "name: A\ninputs:\n  a b: {default: 1.10}\n  c-d: {deprecationMessage: old}\nruns: {using: node24, main: m.js}",
  );
  test("inputs become variables, as written", () => {
    expect(inputVariables(action, { "C-d": "x", e: "y" })).toEqual({
      env: { INPUT_A_B: "1.10", "INPUT_C-D": "x", INPUT_E: "y" },
      warnings: [
        "Input 'c-d' has been deprecated with message: old",
        "Unexpected input(s) 'e', valid inputs are ['a b', 'c-d']",
      ],
    });
  });
  test("only JavaScript actions", () => {
    expect(() => parseAction("runs: {using: composite}")).toThrow("runs.using is 'composite'");
  });
});
