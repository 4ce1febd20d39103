import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";
import { loadInputs } from "../src/inputs.ts";
import { type Outputs, setOutputs } from "../src/outputs.ts";
import { defaultValues, readActionFile } from "./support/inputs.ts";
import { parseKeyValues } from "./support/runner/files.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

test("action.yml has the inputs that are read, and no other", () => {
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
  const values = defaultValues();
  const read = new Set<string>();
  loadInputs((name) => {
    read.add(name);
    return values[name] ?? "";
  });
  // Post reads this one, as it is then.
  read.add("job-status");
  expect([...read].sort()).toEqual(Object.keys(readActionFile().inputs).sort());
});

test("an input that is to go names what to give instead", () => {
  const { inputs } = readActionFile();
  for (const [name, { deprecationMessage }] of Object.entries(inputs)) {
    if (deprecationMessage === undefined) continue;
    const named = [...deprecationMessage.matchAll(/`([\w-]+)`/g)].map(([, other]) => other);
    expect({
      name,
      successors: named.filter((other) => other !== name && other && inputs[other]),
    }).not.toEqual({
      name,
      successors: [],
    });
  }
});

test("action.yml has the outputs that are set, and no other", () => {
  let log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  // The compiler holds this object to the interface, key by key.
  const outputs: Outputs = {
    podman: "/x/bin/podman",
    "podman-version": "5.8.2",
    "storage-root": "/x/storage",
    "storage-driver": "overlay",
    "cache-hit": true,
    "cache-key": "",
    "cache-matched-key": "",
    "cache-size": 0,
    "flake-url": "github:o/r/0123",
    "flake-rev": "7b45d94",
    "nix-version": "2.34.7",
    socket: "/x/podman.sock",
    "docker-host": "unix:///x/podman.sock",
  };
  const directory = mkdtempSync(join(tmpdir(), "outputs-"));
  const before = process.env.GITHUB_OUTPUT;
  process.env.GITHUB_OUTPUT = join(directory, "output");
  writeFileSync(process.env.GITHUB_OUTPUT, "");
  try {
    setOutputs(outputs);
    const written = parseKeyValues(readFileSync(process.env.GITHUB_OUTPUT, "utf8"));
    const expected = Object.entries(outputs).map(([name, value]) => [name, String(value)]);
    expect([...written]).toEqual(expected);
    expect([...written].map(([name]) => name)).toEqual(Object.keys(readActionFile().outputs));
    expect(log).toBe(expected.map(([name, value]) => `${name}=${value}\n`).join(""));
  } finally {
    if (before === undefined) delete process.env.GITHUB_OUTPUT;
    else process.env.GITHUB_OUTPUT = before;
    rmSync(directory, { recursive: true });
  }
});

test("action.yml has no expressions but in defaults: a runner refuses one whose descriptions have some", () => {
  const { inputs, outputs } = readActionFile();
  const descriptions = [...Object.values(inputs), ...Object.values(outputs)].map((one) => one.description);
  expect(descriptions.filter((text) => text === undefined || text.includes("$" + "{{"))).toEqual([]);
});
