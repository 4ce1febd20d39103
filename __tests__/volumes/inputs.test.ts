import { expect, test } from "@jest/globals";
import { loadWith } from "../support/inputs.ts";

test.each([
  [{}, { cacheMounts: false, cacheVolumes: [] }],
  [{ "cache-mounts": "true" }, { cacheMounts: true }],
  [{ "cache-volumes": "data" }, { cacheVolumes: ["data"] }],
  [{ "cache-volumes": "\n a \n# not b\nA.b_c-1\n" }, { cacheVolumes: ["a", "A.b_c-1"] }],
  [{ "cache-volumes": "a, b,c" }, { cacheVolumes: ["a", "b", "c"] }],
])("%j", (values, expected) => {
  expect(loadWith(values as Record<string, string>).cache).toMatchObject(expected);
});

test.each(["-a", ".", "a/b", "a b", "a+b", "é", "a:b", "a".repeat(101)])("no volume: %s", (name) => {
  const expected = "Expected names of volumes: 1 to 100 letters, digits, '.', '_' or '-'.";
  expect(() => loadWith({ "cache-volumes": `data\n${name}` })).toThrow(
    new Error(`Invalid cache-volumes '${name}'. ${expected}`),
  );
});

test.each(["", "yes", "TRUE"])("neither true nor false: '%s'", (value) => {
  expect(() => loadWith({ "cache-mounts": value })).toThrow(
    new Error(`Invalid cache-mounts '${value}'. Expected true or false.`),
  );
});
