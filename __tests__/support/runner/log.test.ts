import { describe, expect, test } from "@jest/globals";
import { parseCommand } from "./commands.ts";
import { createLog } from "./log.ts";

describe("workflow commands", () => {
  test.each([
    ["::error::x", { name: "error", properties: {}, message: "x" }],
    [
      "  ::warning file=a%2Cb,line=1::50%25%0Aoff",
      { name: "warning", properties: { file: "a,b", line: "1" }, message: "50%\noff" },
    ],
    ["::group::a::b", { name: "group", properties: {}, message: "a::b" }],
    ["::endgroup::", { name: "endgroup", properties: {}, message: "" }],
    ["::nosuch::x", undefined],
    ["pulling ##[add-mask]x", { name: "add-mask", properties: {}, message: "x" }],
    ["##[error file=a.ts;line=1]x", { name: "error", properties: { file: "a.ts", line: "1" }, message: "x" }],
    ["##[nosuch]x", undefined],
    ["text ::error::x", undefined],
  ])("%j", (line, expected) => {
    expect(parseCommand(line)).toEqual(expected);
  });

  test("a log is masked, whatever the pieces it came in; stopped commands are text", () => {
    const log = createLog({ masks: new Set(["tok"]), debug: false });
    log.write("::add-mask::se", "stdout");
    log.write("cret%0Apart\nmy secret, a part", "stdout");
    log.write("::debug::hidden\n::error title=T::a tok\n", "stderr");
    log.write("\n::stop-commands::X\n::error::no\n::X::\n::set-output name=a::b", "stdout");
    log.end();
    expect(log.text()).toBe(
      "##[error]a ***\nmy ***, a ***\n::error::no\n##[error]The `set-output` command is disabled: use its environment file\n",
    );
    expect(log.annotations.map(({ message, properties }) => [message, properties])).toEqual([
      ["a ***", { title: "T" }],
      ["The `set-output` command is disabled: use its environment file", {}],
    ]);
  });
});
