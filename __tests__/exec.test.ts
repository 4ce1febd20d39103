import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { ProgramError, pipeInto, run, tryRun } from "../src/exec.ts";

let directory: string;

beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "exec-")));
});

afterAll(() => rmSync(directory, { recursive: true }));

afterEach(() => {
  jest.restoreAllMocks();
});

const sh = (script: string, ...args: string[]): ["/bin/sh", string[]] => [
  "/bin/sh",
  ["-c", script, "sh", ...args],
];

test("arguments pass through as they are", async () => {
  const args = ["a b", "", '"', "'", "\\", "$HOME", "*", "line\nline", "-n", "ü", "a;b", 'C:\\"x y"\\'];
  expect(await run(...sh('for one; do printf "[%s]" "$one"; done', ...args))).toBe(
    args.map((one) => `[${one}]`).join(""),
  );
});

test("a program at a path with spaces and quotes runs", async () => {
  const folder = join(directory, "a b 'c'");
  mkdirSync(folder);
  const program = join(folder, "it");
  writeFileSync(program, '#!/bin/sh\nprintf %s "$0"\n');
  chmodSync(program, 0o755);
  expect(await run(program, [])).toBe(program);
});

/** Makes the log end up in the text that is returned, without the debug lines, which the runner hides. */
function captureLog(): { text: string } {
  const log = { text: "" };
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    if (!String(chunk).startsWith("::debug::")) log.text += chunk;
    return true;
  });
  return log;
}

test("both outputs and the code come back, and nothing shows in the log", async () => {
  const log = captureLog();
  const output = await tryRun(...sh("echo out; echo err >&2; exit 3"));
  expect(output).toEqual({ code: 3, stdout: "out\n", stderr: "err\n" });
  expect(log.text).toBe("");
});

test("standard error is handed on by lines as it comes, and comes back too", async () => {
  const lines: string[] = [];
  // Cut within a character, a line, and at the end.
  const script =
    "printf 'a\\303' >&2; sleep 0.1; printf '\\251b\\nc' >&2; sleep 0.1; printf 'd\\n\\ne' >&2; echo out";
  const { stderr } = await tryRun(...sh(script), { onError: (line) => lines.push(line) });
  expect([lines, stderr]).toEqual([["aéb", "cd", "", "e"], "aéb\ncd\n\ne"]);
});

test("the error has the program, its first arguments and the last three lines that it said, in one line", async () => {
  const failing = run(...sh("seq 9 >&2; echo >&2; exit 4", "left out"));
  await expect(failing).rejects.toThrow(ProgramError);
  await expect(failing).rejects.toMatchObject({
    message: "/bin/sh -c seq 9 >&2; echo >&2; exit 4 sh failed with exit code 4: 7; 8; 9",
    output: { code: 4, stdout: "", stderr: "1\n2\n3\n4\n5\n6\n7\n8\n9\n\n" },
  });
});

test.each(["/nowhere/program", "no-such-program-on-path"])("%s ends with 127", async (program) => {
  const { code, stderr } = await tryRun(program, ["x"]);
  expect(code).toBe(127);
  expect(stderr).toContain(program);
  await expect(run(program, [])).rejects.toThrow(`${program} failed with exit code 127: `);
});

test("with debug logging its arguments are told as for a shell, without secrets, and its time", async () => {
  let log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  process.env.RUNNER_DEBUG = "1";
  try {
    await tryRun(...sh("exit 3", "a b", "https://user:secret@example.org/x"));
  } finally {
    delete process.env.RUNNER_DEBUG;
  }
  const lines = log.split("\n").filter((line) => /^::debug::\[\d+\]/.test(line));
  expect(lines).toEqual([
    expect.stringMatching(
      /^::debug::\[\d+\] run \/bin\/sh -c 'exit 3' sh 'a b' 'https:\/\/\*\*\*@example\.org\/x'$/,
    ),
    expect.stringMatching(/^::debug::\[\d+\] exit code 3 after \d\.\d{3} s$/),
  ]);
});

test("a program that a signal ended has failed, with a number for a code", async () => {
  expect((await tryRun(...sh("kill -KILL $$"))).code).toBeGreaterThan(0);
});

test("variables are added, replaced and removed; the others stay", async () => {
  process.env.EXEC_TEST_KEPT = "kept";
  process.env.EXEC_TEST_GONE = "gone";
  process.env.EXEC_TEST_OTHER = "before";
  try {
    const env = { EXEC_TEST_GONE: undefined, EXEC_TEST_OTHER: "after it", EXEC_TEST_NEW: "" };
    const names = ["KEPT", "GONE", "OTHER", "NEW"].map((name) => `\${EXEC_TEST_${name}-unset}`);
    expect(await run(...sh(`echo "${names.join("|")}"`), { env })).toBe("kept|unset|after it|\n");
    expect(process.env.EXEC_TEST_GONE).toBe("gone");
  } finally {
    for (const name of ["KEPT", "GONE", "OTHER"]) delete process.env[`EXEC_TEST_${name}`];
  }
});

test("standard input is empty, so that a program that asks for something does not wait for ever", async () => {
  expect(await run(...sh("timeout 2 cat; echo $?"))).toBe("0\n");
});

test("the program runs in the directory given", async () => {
  expect(await run("/bin/pwd", [], { cwd: directory })).toBe(`${directory}\n`);
});

async function* pieces(count: number, after?: () => void): AsyncGenerator<Buffer> {
  for (let made = 0; made < count; made += 1) yield Buffer.alloc(100_000, "x");
  after?.();
}

test("what a source gives is a program's input, at the program's pace", async () => {
  expect(await pipeInto(...sh("wc -c"), pieces(50))).toMatch(/^\s*5000000\n$/);
  expect(await pipeInto(...sh("sleep 0.2; wc -c"), pieces(50))).toMatch(/^\s*5000000\n$/);
  expect(
    await pipeInto(...sh('wc -c; printf %s "$X"; pwd'), pieces(0), { env: { X: "x" }, cwd: "/" }),
  ).toMatch(/^\s*0\nx\/\n$/);
});

test.each([
  ["that reads nothing", "exit 3", 3],
  ["that stops in the middle", "head -c 150000 >/dev/null; exit 4", 4],
  ["that closes its input and goes on", "exec <&-; sleep 0.2; exit 5", 5],
  ["that is killed", "kill -KILL $$", 128],
])("of a program %s the source is read to its end, and how it ended is told", async (_, script, code) => {
  let read = false;
  const source = pieces(20, () => {
    read = true;
  });
  await expect(pipeInto(...sh(`echo why >&2; ${script}`), source)).rejects.toMatchObject({
    name: "ProgramError",
    output: { code, stderr: "why\n" },
  });
  expect(read).toBe(true);
});

test("a program that ends well before its input does has done what it was to do", async () => {
  expect(await pipeInto(...sh("echo enough"), pieces(20))).toBe("enough\n");
});

test("a source that fails ends the program, and its own error is told", async () => {
  const file = join(directory, "pid");
  const broken = new Error("broken");
  const source = (async function* () {
    yield* pieces(1);
    throw broken;
  })();
  await expect(pipeInto(...sh('echo $$ >"$1"; exec cat', file), source)).rejects.toBe(broken);
  const pid = Number(await run("cat", [file]).catch(() => "0"));
  if (pid > 0) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});

test("a program that is not there has code 127, whatever is piped into it", async () => {
  await expect(pipeInto(join(directory, "none"), [], pieces(20))).rejects.toMatchObject({
    output: { code: 127 },
  });
});
