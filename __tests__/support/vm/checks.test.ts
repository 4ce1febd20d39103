import { expect, test } from "@jest/globals";
import { type Check, renderChecks, startColumn } from "./checks.ts";

test("a line for each check, and what is wrong below", () => {
  const checks: Check[] = [];
  const told: string[] = [];
  const left = startColumn("left", checks, ({ name }) => told.push(name));
  left.note("boot", "3.1 s", false);
  left.note("run", "code 1", "no podman");
  startColumn("right", checks, () => {}).note("run", "1.0 s", "");
  expect(renderChecks(checks)).toBe(`|      | left           | right |
| ---- | -------------- | ----- |
| boot | 3.1 s          |       |
| run  | FAILED: code 1 | 1.0 s |

left: run:
no podman`);
  expect(told).toEqual(["boot", "run"]);
});
