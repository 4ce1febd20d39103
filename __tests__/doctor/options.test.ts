import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseOptions, UsageError, usage } from "../../src/doctor/options.ts";
import { createInputs, readActionFile } from "../support/inputs.ts";

test("without options it is as a step without inputs", () => {
  expect(parseOptions([])).toEqual({
    help: false,
    json: false,
    wishes: createInputs().runner,
    storageRoot: join(homedir(), ".local/share/podman-rootless"),
  });
});

test("options have the names of inputs", () => {
  const names = [...usage.matchAll(/^ {2}(?:-h, )?--([a-z-]+)/gm)].map(([, name]) => name);
  const inputs = Object.keys(readActionFile().inputs);
  expect(names.filter((name) => !inputs.includes(name ?? ""))).toEqual(["json", "help"]);
  expect(names).toHaveLength(7);
});

test("options are understood", () => {
  const args = ["--json", "--storage-driver=auto", "--subordinate-ids", "200000:65536", "--apparmor", "off"];
  expect(parseOptions([...args, "--allow-single-id", "--storage-root", "~/store"])).toEqual({
    help: false,
    json: true,
    wishes: {
      storageDriver: "auto",
      subordinateIds: { start: 200_000, count: 65_536 },
      appArmor: "off",
      allowSingleId: true,
    },
    storageRoot: join(homedir(), "store"),
  });
  expect(parseOptions(["--storage-root", "store"]).storageRoot).toBe(join(process.cwd(), "store"));
  expect(parseOptions(["-h"]).help).toBe(true);
});

test.each([
  ["--nosuch", /Unknown option '--nosuch'/],
  ["word", /Unexpected argument 'word'/],
  ["--storage-driver=btrfs", /^Invalid storage-driver 'btrfs'\. Expected auto, /],
  ["--subordinate-ids=1:2", /^Invalid subordinate-ids '1:2'\. Expected START:COUNT/],
  ["--apparmor", /Option '--apparmor <value>' argument missing/],
  ["--storage-root=$HOME", /^Invalid storage-root '\$HOME'/],
])("%s is refused in one line", (arg, message) => {
  expect(() => parseOptions([arg])).toThrow(UsageError);
  expect(() => parseOptions([arg])).toThrow(message);
  try {
    parseOptions([arg]);
  } catch (error) {
    expect((error as Error).message).not.toContain("\n");
  }
});
