import { expect, test } from "@jest/globals";
import { loadInputs } from "../../../../src/inputs.ts";
import { findPlace } from "../../../../src/place.ts";
import type { Desk } from "./desk.ts";
import { session } from "./session.ts";

const cache = { environment: () => ({ ACTIONS_RESULTS_URL: "http://127.0.0.1:1/" }) };
const desk = { world: { cache } } as unknown as Desk;

test("main finds in it a place, the cache, and inputs laid over the defaults", () => {
  const variables = session(desk, { "cache-key": "mine", flake: "path:/srv/flake" });
  expect(findPlace(variables)).toMatchObject({
    temporary: "/home/runner/work/_temp",
    workspace: "/home/runner/work/project/project",
  });
  expect(variables.ACTIONS_RESULTS_URL).toBe("http://127.0.0.1:1/");
  const inputs = loadInputs((name) => variables[`INPUT_${name.toUpperCase()}`] ?? "");
  expect(inputs).toMatchObject({
    flake: "path:/srv/flake",
    keep: true,
    cache: { name: "mine", mode: "auto", unpack: false },
  });
});
