import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { loadWith, readActionFile } from "./support/inputs.ts";

/** Of github-actions-typing, as far as it is used. */
interface Typing {
  type: "string" | "boolean" | "integer" | "list" | "enum";
  "allowed-values"?: string[];
  separator?: string;
  "list-item"?: { type: "string" };
}

const types = parse(readFileSync(join(import.meta.dirname, "../action-types.yml"), "utf8")) as {
  inputs: Record<string, Typing>;
  outputs: Record<string, Typing>;
};
const action = readActionFile();

beforeEach(() => {
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
});

afterEach(() => {
  jest.restoreAllMocks();
});

test("each input and output has a type, in the order of action.yml", () => {
  expect(Object.keys(types.inputs)).toEqual(Object.keys(action.inputs));
  expect(Object.keys(types.outputs)).toEqual(Object.keys(action.outputs));
});

test.each(Object.entries({ ...types.inputs, ...types.outputs }))("the type of %s is whole", (_, typing) => {
  const { type, "allowed-values": values, separator, "list-item": item } = typing;
  expect(["string", "boolean", "integer", "list", "enum"]).toContain(type);
  expect(values?.every((value) => typeof value === "string")).toBe(type === "enum" ? true : undefined);
  expect([separator, item?.type]).toEqual(type === "list" ? ["\n", "string"] : [undefined, undefined]);
});

/** Read as it is when the job ends, not among the inputs. */
const inputs = Object.entries(types.inputs).filter(([name]) => name !== "job-status");
/** What the loader refuses says which values it takes. */
const expectation = (name: string): string => {
  try {
    loadWith({ [name]: "\0" });
  } catch (error) {
    return (error as Error).message.split("Expected ")[1] ?? "";
  }
  return "";
};

test.each(inputs)("%s is of the type that is loaded", (name, { type, "allowed-values": values = [] }) => {
  const expected = expectation(name);
  if (type === "enum") {
    expect(expected).toBe(`${values.slice(0, -1).join(", ")} or ${values.at(-1)}.`);
  } else {
    expect(expected === "true or false.").toBe(type === "boolean");
    expect(/^seconds/.test(expected)).toBe(type === "integer");
  }
});

test.each(inputs.filter(([, { type }]) => type === "list"))("%s takes an entry a line", (name, typing) => {
  const samples: Record<string, string[]> = {
    "extra-substituters": ["https://a.example", "https://b.example"],
    "extra-trusted-public-keys": [`a-1:${"A".repeat(43)}=`, `b-1:${"A".repeat(43)}=`],
  };
  const entries = samples[name] ?? ["one", "two"];
  const loaded = JSON.stringify(loadWith({ [name]: entries.join(typing.separator) }));
  expect(loaded).toContain(JSON.stringify(entries));
});

test("the defaults are of these types", () => {
  for (const [name, { type, "allowed-values": values = [] }] of inputs) {
    const { default: value } = action.inputs[name] ?? { default: "" };
    if (type === "enum") expect(values).toContain(value);
    if (type === "boolean") expect(["true", "false"]).toContain(value);
    if (type === "integer") expect(value).toMatch(/^\d+$/);
  }
});
