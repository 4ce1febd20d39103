import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "@jest/globals";
import { programsAsRoot, programsInShell } from "./support/programs-as-root.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const namesIn = (directory: string) =>
  readdirSync(join(root, directory), { recursive: true, encoding: "utf8" }).map((name) =>
    join(directory, name),
  );

const typescript = namesIn("src").filter((file) => file.endsWith(".ts"));
const shell = namesIn("nix").filter((file) => /\.(sh|nix)$/.test(file));

const found = [
  ...programsAsRoot(Object.fromEntries(typescript.map((file) => [file, read(file)]))),
  ...shell.flatMap((file) => programsInShell(read(file)).map((program) => ({ file, program }))),
];

/** The first table of docs/security.md: each program, and the files that call it. */
const documented = [...read("docs/security.md").matchAll(/^\| (`[^|]+) \| (`[^|]+) \| [^|]+\|$/gm)].flatMap(
  ([, programs = "", files = ""]) => {
    const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
    return quoted(programs).flatMap((program) => quoted(files).map((file) => ({ file, program })));
  },
);

const lines = (list: readonly { file: string; program: string }[]) =>
  [...new Set(list.map(({ file, program }) => `${program} in ${file}`))].sort();

test("docs/security.md lists what runs as root, and no more", () => {
  expect(lines(documented)).toEqual(lines(found));
});

test("sudo is called in one place of each language", () => {
  const callers = [...typescript, ...shell].filter((file) =>
    /["'` (]sudo (-n|--non-interactive)\b|\("sudo"/.test(code(file)),
  );
  expect(callers.map((file) => basename(file)).sort()).toEqual(["enter.sh", "exec.ts", "privileges.ts"]);
});

/** Without comments. */
const code = (file: string) => read(file).replace(/^\s*(\/\/|\*|\/\*|#).*$/gm, "");

// --- The search itself --------------------------------------------------------------------------------

const exec =
  "export function tryRunAsRoot(program: string, args: string[]) { return tryRun('sudo', ['--non-interactive', program, ...args]); }";

const search = (text: string) =>
  programsAsRoot({ "exec.ts": exec, "x.ts": text }).map(({ program }) => program);

test.each([
  ['tryRunAsRoot("mount", args);', ["mount"]],
  ['const f = (p, args) => tryRunAsRoot(p, args); f("tee", ["x"]); g("no");', ["tee"]],
  [
    'const f = (...c: string[]) => h(tryRunAsRoot, c); async function h(how, [p, ...a]) { await how(p, a); } f("ln", "x");',
    ["ln"],
  ],
  ['const step = { kind: "run", command: ["modprobe", which] };', ["modprobe"]],
  ['const step = { kind: "run", command: ["ls"], asUser: true };', []],
  ['const command = (v) => [usermod, v]; const step = { kind: "run", command: command("x") };', ["usermod"]],
  ['const s = (...command) => ({ kind: "run", command }); s("rm", "-f", path);', ["rm"]],
  ['attempt(sudo, ["--non-interactive", "true"]);', ["true"]],
])("in %s", (text, expected) => {
  expect(search(text)).toEqual(expected);
});

test.each([
  // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
  "tryRunAsRoot(`mount ${x}`, args);",
  'tryRunAsRoot("mount -t tmpfs", args);',
  'tryRunAsRoot("sh", ["-c", script]);',
  'const step = { kind: "run", command: ["bash", "-c", text] };',
  'tryRunAsRoot("mount", text.split(" "));',
  "tryRunAsRoot(program, []);",
  'tryRunAsRoot("env", ["sh", "-c", "x"]);',
])("a shell string is refused: %s", (text) => {
  expect(() => search(text)).toThrow(/^x\.ts: /);
});

test("in shell", () => {
  const script =
    'as_root() { sudo -n "$@"; }\n# as_root ls\nas_root tee "$x" | sudo -n mount\nsay "as sudo usermod"';
  expect(programsInShell(script)).toEqual(["tee", "mount"]);
  expect(() => programsInShell('as_root sh -c "x"')).toThrow("sh");
});
