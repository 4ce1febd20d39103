import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { applyPlan } from "../../src/runner/apply.ts";
import type { Action, Undo } from "../../src/runner/finding.ts";
import { meansOf } from "../../src/runner/findings/means.ts";
import { subordinateIds } from "../../src/runner/findings/subordinate-ids.ts";
import { undoAll } from "../../src/runner/undo.ts";
import { machineFacts, type Overrides, wishes } from "../support/facts.ts";

let directory: string;
let log: string[];

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "apply-")));
  log = [];
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    if (!`${text}`.startsWith("::debug::")) log.push(`${text}`.trim());
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

async function apply(actions: Action[]): Promise<{ failed: string[]; undo: Undo[] }> {
  const undo: Undo[] = [];
  const failed = await applyPlan(actions, (more) => undo.push(...more));
  return { failed, undo };
}

const action = (name: string, step: Action["step"], more: Partial<Action> = {}): Action => ({
  name,
  step,
  remedy: `do ${name}`,
  ...more,
});

const touch = (name: string, when: Undo["when"]): Action => {
  const path = join(directory, name);
  return action(
    `make ${name}`,
    { kind: "run", command: ["touch", path] },
    {
      undo: [{ name: `remove ${name}`, step: { kind: "run", command: ["rm", path] }, when }],
    },
  );
};

test("actions are done in order, and undone from last to first", async () => {
  const { failed, undo } = await apply([
    touch("a", "always"),
    touch("b", "unless-kept"),
    touch("c", "always"),
  ]);
  expect(failed).toEqual([]);
  expect(readdirSync(directory)).toEqual(["a", "b", "c"]);
  expect(log).toEqual(["make a", "make b", "make c"]);
  log = [];
  await undoAll(undo, true);
  expect(readdirSync(directory)).toEqual(["b"]);
  expect(log).toEqual(["remove c", "remove a"]);
  log = [];
  // What is gone already is no reason to warn.
  await undoAll(undo, false);
  expect(readdirSync(directory)).toEqual([]);
  expect(log).toEqual(["remove c", "remove b", "remove a"]);
});

test("what takes an action back is recorded before it is done", async () => {
  const { undo = [] } = touch("x", "always");
  const seen: boolean[] = [];
  await applyPlan([touch("x", "always")], (more) => {
    seen.push(existsSync(join(directory, "x")));
    expect(more).toEqual(undo);
  });
  expect(seen).toEqual([false]);
});

const failing: Action["step"] = { kind: "run", command: ["sh", "-c", "echo one >&2; echo two >&2; exit 3"] };

test("an action that fails names itself, the reason and the remedy, and its undo is known", async () => {
  const undo: Undo[] = [];
  const actions = [
    touch("a", "always"),
    action("fail", failing, { undo: touch("b", "always").undo ?? [] }),
    touch("c", "always"),
  ];
  await expect(applyPlan(actions, (more) => undo.push(...more))).rejects.toThrow(
    new Error("fail: failed (one; two). Do it beforehand: do fail"),
  );
  expect(undo.map(({ name }) => name)).toEqual(["remove a", "remove b"]);
  await undoAll(undo, false);
  expect(readdirSync(directory)).toEqual([]);
});

test("an optional action that fails is told, and the next are done", async () => {
  const { failed } = await apply([action("fail", failing, { optional: true }), touch("b", "always")]);
  expect(failed).toEqual(["fail"]);
  expect(log).toEqual(["fail", "fail: failed (one; two)", "make b"]);
  expect(readdirSync(directory)).toEqual(["b"]);
});

test("what cannot be undone is one warning, and the rest is undone", async () => {
  const { undo } = await apply([touch("a", "always")]);
  await undoAll([...undo, { name: "fail", step: failing, when: "always" }], true);
  expect(readdirSync(directory)).toEqual([]);
  expect(log).toEqual(["make a", "fail", "::warning::fail: failed (one; two). Do it by hand", "remove a"]);
});

test("a program that is not there is named", async () => {
  const step: Action["step"] = { kind: "run", command: ["no-such-program"] };
  await expect(apply([action("x", step)])).rejects.toThrow(/^x: failed \(.*no-such-program.*\)\. Do it/);
});

test("a file is written, a program copied, and both removed", async () => {
  const [file, copy] = [join(directory, "d/file"), join(directory, "d/true")];
  const removal = (path: string): Partial<Action> => ({
    undo: [{ name: "x", step: { kind: "remove", path }, when: "always" }],
  });
  const actions = [
    action("file", { kind: "write", path: file, text: "text\n" }, removal(file)),
    action("copy", { kind: "copy", program: "true", to: copy }, removal(copy)),
  ];
  const { undo } = await apply(actions);
  expect(readFileSync(file, "utf8")).toBe("text\n");
  expect(spawnSync(copy).status).toBe(0);
  // Again, while it runs: a job has more than one step of the action.
  await apply(actions);
  expect(readdirSync(join(directory, "d"))).toEqual(["file", "true"]);
  await undoAll([...undo, ...undo], true);
  expect(readdirSync(join(directory, "d"))).toEqual([]);
  expect(log.filter((line) => line.startsWith("::"))).toEqual([]);
  await expect(apply([action("x", { kind: "copy", program: "no-such-program", to: copy })])).rejects.toThrow(
    "x: failed (no-such-program is not on PATH). Do it beforehand: do x",
  );
});

// --- Devices: the test needs root -------------------------------------------------------------------

const device = (path: string): Action => action("device", { kind: "device", path, major: 10, minor: 200 });
const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);

test("a device is made with its directory, and both are removed", async () => {
  const path = join(directory, "net/tun");
  const { undo } = await apply([device(path)]);
  expect(lstatSync(path).isCharacterDevice()).toBe(true);
  expect(lstatSync(path).rdev).toBe(10 * 256 + 200);
  expect(modeOf(path)).toBe("666");
  // A second step finds it there, and leaves it so.
  const second = await apply([device(path)]);
  await undoAll(second.undo, true);
  expect(modeOf(path)).toBe("666");
  await undoAll(undo, true);
  expect(readdirSync(directory)).toEqual([]);
});

test("a device that is there gets its former mode again", async () => {
  const path = join(directory, "tun");
  expect(spawnSync("mknod", [path, "c", "10", "200"]).status).toBe(0);
  chmodSync(path, 0o640);
  const { undo } = await apply([device(path)]);
  expect(modeOf(path)).toBe("666");
  await undoAll(undo, true);
  expect(modeOf(path)).toBe("640");
});

// --- usermod, on an /etc of the test's own ----------------------------------------------------------

const changes = join(import.meta.dirname, "../support/changes.ts");

/** Runs one in a mount namespace where `directory`/etc is /etc. */
function inNamespace(request: unknown): string {
  const script = 'mount --bind "$1/etc" /etc && shift && exec "$@"';
  const argv = ["--mount", "sh", "-c", script, "sh", directory];
  const { status, stdout, stderr } = spawnSync(
    "unshare",
    [...argv, process.execPath, changes, JSON.stringify(request)],
    { encoding: "utf8" },
  );
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout;
}

function makeEtc(files: Record<string, string>): string {
  const etc = join(directory, "etc");
  mkdirSync(etc);
  const all = {
    passwd: "root:x:0:0::/root:/bin/sh\nrunner:x:1001:1001::/home/runner:/bin/sh\n",
    group: "root:x:0:\nrunner:x:1001:\n",
    "nsswitch.conf": "passwd: files\ngroup: files\n",
    "login.defs": "",
    ...files,
  };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(etc, name), text);
  return etc;
}

/** Names, texts and modes. */
const contents = (etc: string) =>
  readdirSync(etc)
    .sort()
    .filter((name) => name !== ".pwd.lock") // a lock of lckpwdf(3): all editors of these files make it, once
    .map((name) => [name, readFileSync(join(etc, name), "utf8"), modeOf(join(etc, name))]);

const other = "ubuntu:100000:65536\n";

test.each<[string, Record<string, string>, Overrides["subordinate"]]>([
  ["usermod", { subuid: other, subgid: other }, {}],
  ["usermod, where its copies are there", { subuid: other, subgid: "", "subuid-": "", "subgid-": "x" }, {}],
  ["usermod, without the files", {}, { uids: undefined, gids: undefined }],
  ["lines", { subuid: other, subgid: other }, { usermod: undefined }],
  ["lines, without one file", { subuid: "# mine\n\na:1:2" }, { gids: undefined, usermod: undefined }],
])("subordinate ids are added by %s, and taken back", (_, files, subordinate) => {
  const etc = makeEtc(files);
  const before = contents(etc);
  const facts = machineFacts({
    subordinate: { ownUids: [], ownGids: [], uids: [], gids: [], ...subordinate },
  });
  const wish = wishes({ subordinateIds: { start: 300_000, count: 65_536 } });
  const { finding } = subordinateIds(facts, wish, meansOf(facts));
  const output = inNamespace({ kind: "apply", actions: finding.actions });
  const undo = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Undo[];
  for (const name of ["subuid", "subgid"]) {
    const former = files[name] ?? "";
    const ended = former === "" || former.endsWith("\n") ? former : `${former}\n`;
    expect(readFileSync(join(etc, name), "utf8")).toBe(`${ended}runner:300000:65536\n`);
  }
  const after = contents(etc);
  inNamespace({ kind: "apply", actions: finding.actions });
  expect(contents(etc).filter(([name]) => !name?.endsWith("-"))).toEqual(
    after.filter(([name]) => !name?.endsWith("-")),
  );
  inNamespace({ kind: "undo", undo, keep: true });
  expect(readFileSync(join(etc, "subuid"), "utf8")).toContain("runner:300000:65536\n");
  expect(inNamespace({ kind: "undo", undo, keep: false })).not.toContain("::warning");
  // Copies that were there before are of the last change, as they always are; a last line is given its end.
  const text = (all: ReturnType<typeof contents>) =>
    all.map(([name, words = "", mode]) => [name, name?.endsWith("-") ? "" : words.trimEnd(), mode]);
  expect(text(contents(etc))).toEqual(text(before));
  expect(inNamespace({ kind: "undo", undo, keep: false })).not.toContain("::warning");
});

test("a file that somebody else has written to meanwhile stays", () => {
  const etc = makeEtc({ subgid: "" });
  const facts = machineFacts({ subordinate: { ownUids: [], ownGids: [], uids: undefined, gids: [] } });
  const { finding } = subordinateIds(facts, wishes(), meansOf(facts));
  const output = inNamespace({ kind: "apply", actions: finding.actions });
  const undo = JSON.parse(output.trim().split("\n").at(-1) ?? "") as Undo[];
  writeFileSync(join(etc, "subuid"), `${readFileSync(join(etc, "subuid"), "utf8")}${other}`);
  inNamespace({ kind: "undo", undo, keep: false });
  expect(readFileSync(join(etc, "subuid"), "utf8")).toBe(other);
  expect(readFileSync(join(etc, "subgid"), "utf8")).toBe("");
});
