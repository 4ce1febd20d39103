import { expect, test } from "@jest/globals";
import type { Finding } from "../../src/runner/finding.ts";
import { reportLines, wrap } from "../../src/runner/report.ts";

const findings: Finding[] = [
  { name: "user namespaces", verdict: "ok", found: "can be made" },
  { name: "FUSE", verdict: "change", found: "/dev/fuse is missing", actions: [] },
  {
    name: "tun",
    verdict: "note",
    found: "absent",
    cause: "There is no /dev/net/tun",
    remedy: "Load the module tun",
  },
  {
    name: "subordinate ids",
    verdict: "failed",
    found: "runner:100000:1000, and of the groups runner:100000:1000",
    cause: "The range is too small",
    remedy: "Run sudo usermod --add-subuids 100000-165535",
  },
];

test("a table, with causes and remedies below", () => {
  expect(reportLines(findings, 60)).toEqual([
    "ok           user namespaces  can be made",
    "will change  FUSE             /dev/fuse is missing",
    "note         tun              absent",
    "                              There is no /dev/net/tun.",
    "                              Load the module tun.",
    "FAILED       subordinate ids  runner:100000:1000, and of the",
    "                              groups runner:100000:1000",
    "                              The range is too small.",
    "                              Run sudo usermod --add-subuids",
    "                              100000-165535.",
  ]);
  expect(reportLines([])).toEqual([]);
});

test("words stay whole", () => {
  expect(wrap("a bb  ccc\ndddddddd e", 5)).toEqual(["a bb", "ccc", "dddddddd", "e"]);
  expect(wrap("", 5)).toEqual([]);
});
