import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type Outputs, setOutputs } from "../src/outputs.ts";
import { exportVariables } from "../src/service/clients.ts";
import { remember } from "../src/state.ts";
import { hostile } from "./support/hostile.ts";
import { readActionFile } from "./support/inputs.ts";
import { parseEnv, parseKeyValues } from "./support/runner/files.ts";
import { createLog } from "./support/runner/log.ts";

const before = { ...process.env };
const files = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE"] as const;
let directory: string;
let written: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "outputs-"));
  for (const name of files) {
    process.env[name] = join(directory, name);
    writeFileSync(join(directory, name), "");
  }
  written = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written += chunk;
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  process.env = { ...before };
  rmSync(directory, { recursive: true });
});

const file = (name: (typeof files)[number]) => readFileSync(join(directory, name), "utf8");

test.each(Object.entries(hostile))(
  "%s breaks out of no file of the runner's, nor of the log",
  (_what, text) => {
    const outputs = Object.fromEntries(Object.keys(readActionFile().outputs).map((name) => [name, text]));
    setOutputs(outputs as unknown as Outputs);
    expect(Object.fromEntries(parseKeyValues(file("GITHUB_OUTPUT")))).toEqual(outputs);

    exportVariables(text, "/nowhere");
    expect(Object.fromEntries(parseEnv(file("GITHUB_ENV")))).toEqual({
      DOCKER_HOST: `unix://${text}`,
      TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE: text,
    });

    remember({ named: [text] });
    expect([...parseKeyValues(file("GITHUB_STATE")).keys()]).toEqual(["state"]);
    expect(JSON.parse(parseKeyValues(file("GITHUB_STATE")).get("state") ?? "").named).toEqual([text]);

    const masks = new Set<string>();
    const log = createLog({ masks, debug: true });
    log.write(written, "stdout");
    log.end();
    expect({ masks: [...masks], annotations: log.annotations }).toEqual({ masks: [], annotations: [] });
    // Of all outputs, whatever the text would have ended.
    expect(
      log
        .text()
        .match(/^[a-z-]+=/gm)
        ?.filter((start) => start !== "planted="),
    ).toHaveLength(Object.keys(outputs).length);
  },
);
