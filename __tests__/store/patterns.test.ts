import { describe, expect, test } from "@jest/globals";
import { namesMatching, withoutTag } from "../../src/store/patterns.ts";

const names = [
  "docker.io/library/python:3.13",
  "docker.io/library/python:3.13-slim",
  "docker.io/library/python@sha256:0123",
  "docker.io/bitnami/python:latest",
  "localhost/app:latest",
  "localhost/team/app:1",
  "127.0.0.1:5000/app:1",
  "quay.io/.hidden/app:1",
];

const matching = (...patterns: string[]) => names.filter(namesMatching(patterns));

describe("namesMatching", () => {
  test.each<[string[], string[]]>([
    [[], names],
    // The whole name, or all tags of it.
    [["docker.io/library/python:3.13"], ["docker.io/library/python:3.13"]],
    [["docker.io/library/python"], names.slice(0, 3)],
    [["docker.io/library/python:3.1"], []],
    [["python"], []],
    [["docker.io/library/pyth"], []],
    // "*" stays within a part of the path, "**" does not.
    [["docker.io/*/python"], names.slice(0, 4)],
    [["docker.io/library/*:3.13"], ["docker.io/library/python:3.13"]],
    [["localhost/*"], ["localhost/app:latest"]],
    [["localhost/**"], ["localhost/app:latest", "localhost/team/app:1"]],
    [["docker.io/library/python:3.13*"], names.slice(0, 2)],
    [["**/app"], names.slice(4)],
    [["**/*:latest"], ["docker.io/bitnami/python:latest", "localhost/app:latest"]],
    // "**" is that only by itself, between slashes.
    [["**:latest"], []],
    [["{localhost,quay.io}/**"], [...names.slice(4, 6), ...names.slice(7)]],
    [["127.0.0.1:5000/*"], ["127.0.0.1:5000/app:1"]],
    [["127.0.0.1:*/app"], ["127.0.0.1:5000/app:1"]],
    // A digest is no tag, and left out as one is.
    [["docker.io/library/python@sha256:*"], ["docker.io/library/python@sha256:0123"]],
    // Names that begin with a dot, and patterns that look like comments.
    [["quay.io/*/app"], ["quay.io/.hidden/app:1"]],
    [["#**"], []],
    // Several, in any order.
    [
      ["localhost/app", "docker.io/bitnami/*"],
      ["docker.io/bitnami/python:latest", "localhost/app:latest"],
    ],
    [["!docker.io/**"], names.slice(4)],
    [["!docker.io/library/python"], names.slice(3)],
    [["docker.io/**", "!docker.io/library/python:3.13"], names.slice(1, 4)],
    [["!docker.io/library/python:3.13", "docker.io/**"], names.slice(1, 4)],
    [["localhost/app", "!localhost/app"], []],
    [["!**"], []],
  ])("%j", (patterns, expected) => {
    expect(matching(...patterns)).toEqual(expected);
  });

  test("a second '!' is a character of the name", () => {
    expect(matching("!!localhost/**")).toEqual(names);
  });
});

test.each([
  ["localhost/app:1", "localhost/app"],
  ["localhost/app", "localhost/app"],
  ["127.0.0.1:5000/app", "127.0.0.1:5000/app"],
  ["127.0.0.1:5000/app:1", "127.0.0.1:5000/app"],
  ["[::1]:5000/app:1", "[::1]:5000/app"],
  ["localhost/app@sha256:01", "localhost/app"],
  ["localhost/app:1@sha256:01", "localhost/app"],
])("withoutTag: %s", (name, expected) => {
  expect(withoutTag(name)).toBe(expected);
});
