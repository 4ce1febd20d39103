import { expect, test } from "@jest/globals";
import { type Result, reaches, renderJson, renderTables } from "./report.ts";

const result = (name: string, aim?: Result["case"]["aim"], peer = "native"): Result => ({
  case: { name, subject: "environment", peer, ...(aim && { aim }) },
  n: 30,
  subject: { median: 55.5555, min: 50, max: 1234.5 },
  peer: { median: 50, min: 45.25, max: 900 },
  ratio: 1.11111,
  difference: 5.04321,
});

test.each([
  [undefined, undefined],
  [{ ratio: 1.2 }, true],
  [{ ratio: 1.05 }, false],
  [{ difference: 12 }, true],
  [{ difference: 5 }, false],
  [{ value: 56 }, true],
  [{ value: 55 }, false],
])("the aim %p is reached: %p", (aim, reached) => {
  expect(reaches(result("run", aim))).toBe(reached);
});

test("a result is one line of JSON", () => {
  const line = renderJson("transparency", result("podman ps"));
  expect(line).not.toContain("\n");
  expect(JSON.parse(line)).toEqual({
    suite: "transparency",
    case: "podman ps",
    subject: "environment",
    peer: "native",
    n: 30,
    median: 55.556,
    min: 50,
    max: 1234.5,
    unit: "ms",
    ratio: 1.111,
    peerMedian: 50,
    difference: 5.043,
  });
});

test("results are tables, one for each two sides, below what they depend on", () => {
  const near = { ratio: 1.05 };
  const results = [result("run", near), result("join", { difference: 12 }), result("run", near, "none")];
  const [facts, first = "", second] = renderTables(["2 cores", "podman 5.4.2"], results).split("\n\n");
  expect(facts).toBe("- 2 cores\n- podman 5.4.2");
  const cells = first.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const times = ["50.0 (45.3 to 900.0)", "55.6 (50.0 to 1235)", "1.111", "+5.0"];
  expect(cells[0]?.slice(3, 5)).toEqual(["native, ms", "environment, ms"]);
  expect(cells.slice(2)).toEqual([
    ["", "run", "30", ...times, "at most 1.05", "no", ""],
    ["", "join", "30", ...times, "at most +12 ms", "yes", ""],
  ]);
  expect(new Set(first.split("\n").map((line) => line.length)).size).toBe(1);
  expect(second).toMatch(/^\| case \| pairs \| none, ms /);
});

test("what is measured in another unit has tables of its own", () => {
  const time = result("save", { value: 300 });
  const size = { ...time, case: { ...time.case, unit: "MB" as const, aim: { value: 40 } } };
  expect(JSON.parse(renderJson("cache", size))).toMatchObject({ unit: "MB", median: 55.556 });
  const [, times = "", sizes = ""] = renderTables([], [time, size]).split("\n\n");
  expect(times).toMatch(/ native, ms .* difference, ms .*\n.*\n.* at most 300 ms \| yes /);
  expect(sizes).toMatch(/ native, MB .* difference, MB .*\n.*\n.* at most 40 MB +\| no /);
});
