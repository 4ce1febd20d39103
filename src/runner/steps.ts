import { copyFile, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { ProgramError, rootsPath, tryRun, tryRunAsRoot } from "../exec.ts";
import { isThere } from "../files.ts";
import type { Action, Step, Undo } from "./finding.ts";
import { addLine, removeLine } from "./password-files.ts";
import { findRootProgram } from "./read/program.ts";

/** @throws {Error} with the words of the program or the system */
export async function doStep(step: Undo["step"]): Promise<void> {
  switch (step.kind) {
    case "run":
      return step.asUser ? runAs(tryRun, step.command) : asRoot(...step.command);
    case "write":
      await mkdir(dirname(step.path), { recursive: true });
      return writeFile(step.path, step.text);
    case "copy":
      return copyProgram(step.program, step.to);
    case "device":
      return makeDevice(step);
    case "remove":
      return rm(step.path, { force: true });
    case "subordinate-ids":
      for (const file of step.files) await addLine(file, step.line);
      return;
    case "remove-subordinate-ids":
      for (const file of step.files) await removeLine(file, step.line);
      return;
  }
}

/** What takes an action back, with what only the machine of before can tell. In the order of what is done. */
export async function undoOf({ step, undo = [], leaves }: Action): Promise<Undo[]> {
  const left: Undo[] = [];
  for (const path of leaves?.paths ?? []) {
    if (leaves === undefined || (await isThere(path))) continue;
    left.push({ name: `Remove ${path}`, step: rootsStep("rm", "-f", path), when: leaves.when });
  }
  return [...left, ...(step.kind === "device" ? await undoOfDevice(step.path) : []), ...undo];
}

type Device = Extract<Step, { kind: "device" }>;

async function makeDevice({ path, major, minor }: Device): Promise<void> {
  if (!(await isThere(path))) {
    await asRoot("mkdir", "-p", dirname(path));
    await asRoot("mknod", path, "c", `${major}`, `${minor}`);
  }
  await asRoot("chmod", "0666", path);
}

async function undoOfDevice(path: string): Promise<Undo[]> {
  const when = "always";
  const former = await stat(path).catch(() => undefined);
  if (former !== undefined) {
    const mode = (former.mode & 0o7777).toString(8).padStart(4, "0");
    return [{ name: `Give ${path} the mode ${mode} again`, step: rootsStep("chmod", mode, path), when }];
  }
  const directory = dirname(path);
  const parent: Undo = { name: `Remove ${directory}`, step: rootsStep("rmdir", directory), when };
  return [
    ...((await isThere(directory)) ? [] : [parent]),
    { name: `Remove ${path}`, step: rootsStep("rm", "-f", path), when },
  ];
}

const rootsStep = (...command: [string, ...string[]]): Step => ({ kind: "run", command });

async function copyProgram(program: string, to: string): Promise<void> {
  const from = await findRootProgram(program);
  if (from === undefined) throw new Error(`${program} is not on PATH`);
  // For nobody else: it may have rights that others' programs have not.
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  // Under another name first: one that runs cannot be written to.
  await copyFile(from, `${to}.new`);
  await rename(`${to}.new`, to);
}

const asRoot = (...command: [string, ...string[]]): Promise<void> => runAs(tryRunAsRoot, command);

async function runAs(
  how: typeof tryRunAsRoot,
  [program, ...args]: readonly [string, ...string[]],
): Promise<void> {
  const output = await how(program, args, { env: { PATH: rootsPath(), LC_ALL: "C" } });
  if (output.code !== 0) throw new ProgramError(program, args, output);
}
