import { expect, test } from "@jest/globals";
import type { Facts } from "../../src/runner/facts.ts";
import { planRunner } from "../../src/runner/plan.ts";
import type { Range } from "../../src/runner/subordinate-ids.ts";

const own: Range = { owner: "runner", start: 165_536, count: 65_536 };
const theirs: Range = { owner: "ubuntu", start: 100_000, count: 65_536 };

const facts = (overrides: Partial<Facts> = {}): Facts => ({
  user: "runner",
  uid: 1001,
  subuids: [theirs, own],
  subgids: [theirs, own],
  canBeRoot: true,
  fuse: "usable",
  ...overrides,
});

const usermod = (...options: string[]) => ["usermod", ...options, "runner"].join(" ");
const fuse = ["chmod 0666 /dev/fuse"];

test.each<[string, Partial<Facts>, "fuse-overlayfs" | "overlay" | "vfs", string[]]>([
  ["all is there", {}, "fuse-overlayfs", []],
  ["ids are the user's by uid", { subuids: [{ ...own, owner: "1001" }] }, "overlay", []],
  [
    "there are no ids at all",
    { subuids: [], subgids: [] },
    "overlay",
    [usermod("--add-subuids", "100000-165535", "--add-subgids", "100000-165535")],
  ],
  [
    "ids are another user's",
    { subuids: [theirs], subgids: [theirs] },
    "vfs",
    [usermod("--add-subuids", "165536-231071", "--add-subgids", "165536-231071")],
  ],
  [
    "only user ids are missing",
    { subuids: [theirs] },
    "overlay",
    [usermod("--add-subuids", "231072-296607")],
  ],
  ["only group ids are missing", { subgids: [] }, "overlay", [usermod("--add-subgids", "231072-296607")]],
  [
    "the range is too small",
    { subuids: [{ ...own, count: 65_535 }], subgids: [own] },
    "overlay",
    [usermod("--add-subuids", "100000-165535")],
  ],
  ["FUSE is denied", { fuse: "denied" }, "fuse-overlayfs", fuse],
  ["FUSE is absent", { fuse: "absent" }, "fuse-overlayfs", ["modprobe fuse", ...fuse]],
  ["FUSE is denied and not needed", { fuse: "denied" }, "overlay", []],
  ["FUSE is absent and not needed", { fuse: "absent" }, "vfs", []],
  [
    "all is missing, ids come first",
    { subuids: [], subgids: [own], fuse: "denied" },
    "fuse-overlayfs",
    [usermod("--add-subuids", "100000-165535"), ...fuse],
  ],
])("where %s", (_, overrides, driver, commands) => {
  const plan = planRunner(facts(overrides), driver);
  expect(plan.map(({ command }) => command.join(" "))).toEqual(commands);
  // The remedy is the same command for a person.
  for (const { command, remedy } of plan) expect(remedy.startsWith(`sudo ${command.join(" ")}`)).toBe(true);
});

test("actions say what they are for", () => {
  const plan = planRunner(facts({ subuids: [], fuse: "absent" }), "fuse-overlayfs");
  expect(plan.map(({ name }) => name)).toEqual([
    "Give runner the subordinate ids 231072-296607",
    "Load the kernel's FUSE",
    "Let every user open /dev/fuse",
  ]);
});

test("a machine without free ids cannot be made ready", () => {
  const all = { owner: "x", start: 0, count: 4_294_967_295 };
  expect(() => planRunner(facts({ subuids: [all] }), "vfs")).toThrow("No 65536 ids are free");
});
