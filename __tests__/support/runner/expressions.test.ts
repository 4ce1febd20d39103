// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows, and shell
import { describe, expect, test } from "@jest/globals";
import { condition, evaluate, interpolate, type Scope } from "./expressions.ts";

describe("expressions", () => {
  const scope: Scope = {
    status: "success",
    contexts: {
      github: { token: "t", server_url: "https://github.com" },
      steps: { "a-b": { outputs: { podman: "/p" } } },
    },
  };
  test.each([
    ["github.token", "t"],
    ["GitHub.Token", "t"],
    ["steps.a-b.outputs.podman", "/p"],
    ["steps['a-b'].outputs['podman']", "/p"],
    ["steps.none.outputs.x", null],
    ["'it''s'", "it's"],
    ["github.server_url == 'HTTPS://github.com' && github.token || ''", "t"],
    ["!(1 == '1') || null", null],
    ["failure() || always() && !cancelled()", true],
  ])("%s", (text, expected) => {
    expect(evaluate(text, scope)).toBe(expected);
  });

  test.each(["nosuch.x", "hashFiles('x')", "1 +", "(1", "'open", ""])("%j is refused", (text) => {
    expect(() => evaluate(text, scope)).toThrow(/Unexpected|Unrecognized/);
  });

  test("a text", () => {
    expect(interpolate("${{ steps.a-b.outputs.podman }} run ${{ true }}${{ github.none }}", scope)).toBe(
      "/p run true",
    );
  });

  test.each([
    [undefined, true, false],
    ["always()", true, true],
    ["${{ failure() }}", false, true],
    ["github.token == 't'", true, false],
  ])("if: %s", (text, success, failure) => {
    expect(condition(text, scope)).toBe(success);
    expect(condition(text, { ...scope, status: "failure" })).toBe(failure);
  });
});
