import { describe, expect, test } from "@jest/globals";
import { parseEnv, parseKeyValues, prependPaths } from "./files.ts";

describe("command files", () => {
  test.each([
    ["nothing", "", []],
    ["a line", "a=1\n", [["a", "1"]]],
    [
      "no last newline, CRLF",
      "a=1\r\nb=2",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["= and << in a value", "a=b=c<<d", [["a", "b=c<<d"]]],
    ["an empty value", "a=", [["a", ""]]],
    [
      "a heredoc",
      "a<<E\n1\n\n2=x\nE\nb=3\n",
      [
        ["a", "1\n\n2=x"],
        ["b", "3"],
      ],
    ],
    ["an empty heredoc", "a<<E\nE\n", [["a", ""]]],
    ["= in a delimiter", "a<<E=E\n1\nE=E\n", [["a", "1"]]],
    ["the last of two", "a=1\na=2\n", [["a", "2"]]],
  ])("%s", (_, text, expected) => {
    expect([...parseKeyValues(text)]).toEqual(expected);
  });

  test.each([
    ["a", "Invalid format 'a'"],
    ["=1", "Name must not be empty"],
    ["<<E\nE", "Name must not be empty"],
    ["a<<\n", "delimiter must not be empty"],
    ["a<<E\n1\nE \n", "Matching delimiter not found 'E'"],
  ])("%j is refused", (text, message) => {
    expect(() => parseKeyValues(text)).toThrow(message);
  });

  test("a step cannot set NODE_OPTIONS", () => {
    expect(() => parseEnv("node_options=--inspect")).toThrow("Can't store node_options");
  });

  test("the last path comes first, once", () => {
    expect(prependPaths("/b\n\n/c\n/a\n", ["/a", "/z"])).toEqual(["/a", "/c", "/b", "/z"]);
  });
});
