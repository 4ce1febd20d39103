import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { node24 } from "../runner/node.ts";

const bench = (...args: string[]) => {
  const main = join(import.meta.dirname, "main.ts");
  const { status, stdout, stderr } = spawnSync(join(node24(), "bin/node"), [main, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr: stderr.trim() };
};

test.each([
  { args: [], complaint: /^script\/bench: invalid suite ''\. Expected one of: .*transparency/ },
  { args: ["nosuch", "--quick"], complaint: /^script\/bench: invalid suite 'nosuch'\. Expected one of: / },
  { args: ["transparency", "cache"], complaint: /^script\/bench: invalid suite 'transparency cache'\./ },
  { args: ["transparency", "--fast"], complaint: /^script\/bench: Unknown option '--fast'/ },
])("$args is refused, in one line", ({ args, complaint }) => {
  const { status, stdout, stderr } = bench(...args);
  expect({ status, stdout, lines: stderr.split("\n").length }).toEqual({ status: 2, stdout: "", lines: 1 });
  expect(stderr).toMatch(complaint);
  expect(stderr).toMatch(/See script\/bench --help\.$/);
});
