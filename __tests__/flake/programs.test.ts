import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { asksForRoot, findPrograms, podmansIn } from "../../src/flake/programs.ts";
import { parsePath } from "../../src/flake/resolve.ts";
import { fileKind, realStorePath, storePathOf } from "../../src/flake/store-files.ts";

const hash = "0".repeat(32);
const store = (name: string) => `/nix/store/${hash}-${name}`;

test.each([
  ["sudo setcap cap_setuid+ep x", true],
  ["if ! getcap x; then /usr/bin/sudo setcap x; fi", true],
  ["pkexec podman", true],
  ["exec podman", false],
  ["pseudo=1 exec podman", false],
  ["", false],
])("asks for root: %s", (text, asks) => expect(asksForRoot(text)).toBe(asks));

test.each([
  [
    `exec -a "$0" "${store("podman-4.3.1")}/bin/.podman-wrapped"  "$@"`,
    [`${store("podman-4.3.1")}/bin/.podman-wrapped`],
  ],
  [
    `sudo setcap x ${store("podman-unwrapped-2.2.1")}/bin/podman\n${store("podman-unwrapped-2.2.1")}/bin/podman "$@"`,
    [`${store("podman-unwrapped-2.2.1")}/bin/podman`],
  ],
  [`exec ${store("a")}/libexec/x/podman;`, [`${store("a")}/libexec/x/podman`]],
  [`PATH=${store("podman")}/bin:$PATH`, []],
  [`exec ${store("podman")}/bin/podman-remote`, []],
  ["exec podman", []],
])("podmans named in a script: %s", (text, paths) => expect(podmansIn(text)).toEqual(paths));

test.each([
  [
    "a PATH",
    { PATH: { type: "exported", value: `${store("a")}/bin:/usr/bin:${store("b")}/bin:${store("a")}/bin` } },
    [`${store("a")}/bin`, `${store("b")}/bin`],
  ],
  ["none", {}, []],
  ["one that is a list", { PATH: { type: "array", value: ["/nix/store/a"] } }, []],
])("what print-dev-env says of %s", (_, variables, expected) => {
  expect(parsePath(JSON.stringify({ variables, bashFunctions: {} }))).toEqual(expected);
});

test("a store path is the first of what is in it", () => {
  expect(storePathOf(`${store("a")}/bin/podman`)).toBe(store("a"));
  expect(storePathOf(store("a"))).toBe(store("a"));
});

// A store that is not at /nix, as at home: links in it name /nix all the same.
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "programs-"));
});
afterEach(() => rmSync(directory, { recursive: true }));
const seen = (path: string) => {
  const file = path.replace("/nix", directory);
  mkdirSync(dirname(file), { recursive: true });
  return file;
};
const compiled = (path: string) => copyFileSync("/bin/true", seen(path));
const script = (path: string, text: string) => writeFileSync(seen(path), `#!/bin/sh\n${text}\n`);

test("links are followed within the store", async () => {
  compiled(`${store("real")}/libexec/podman`);
  symlinkSync(`${store("real")}/libexec`, seen(`${store("a")}/bin`));
  symlinkSync(`../store/${hash}-a/bin/./podman`, seen(`${store("b")}`));
  symlinkSync(`${store("loop")}`, seen(`${store("loop")}`));
  symlinkSync("/nowhere", seen(`${store("dead")}`));
  const real = (path: string) => realStorePath({ directory }, path);
  expect(await real(`${store("a")}/bin/podman`)).toBe(`${store("real")}/libexec/podman`);
  expect(await real(store("b"))).toBe(`${store("real")}/libexec/podman`);
  expect(await real(store("loop"))).toBeUndefined();
  expect(await real(store("dead"))).toBeUndefined();
  expect(await real(`${store("a")}/bin/nothing`)).toBeUndefined();
});

test("what a file is", async () => {
  compiled(`${store("a")}/compiled`);
  script(`${store("a")}/script`, "exec podman");
  writeFileSync(seen(`${store("a")}/text`), "podman");
  const kind = async (name: string) => (await fileKind({ directory }, `${store("a")}/${name}`)).kind;
  expect(await Promise.all(["compiled", "script", "text", "", "none"].map(kind))).toEqual([
    "compiled",
    "script",
    "neither",
    "neither",
    "neither",
  ]);
});

test.each([
  ["compiled", () => compiled(`${store("out")}/bin/podman`), `${store("out")}/bin/podman`],
  [
    "a script around a wrapper, which asks for root",
    () => {
      compiled(`${store("unwrapped")}/bin/podman`);
      script(`${store("podman")}/bin/podman`, `exec ${store("unwrapped")}/bin/podman "$@"`);
      script(`${store("out")}/bin/podman`, `sudo true; ${store("podman")}/bin/podman "$@"`);
    },
    `${store("podman")}/bin/podman`,
  ],
  [
    "one that asks for root, and a wrapper of another podman beside it",
    () => {
      compiled(`${store("unwrapped")}/bin/podman`);
      compiled(`${store("other")}/bin/.podman-wrapped`);
      script(`${store("podman")}/bin/podman`, `exec ${store("other")}/bin/.podman-wrapped "$@"`);
      script(`${store("out")}/bin/podman`, `sudo true; ${store("unwrapped")}/bin/podman "$@"`);
    },
    `${store("unwrapped")}/bin/podman`,
  ],
  ["a script that names none", () => script(`${store("out")}/bin/podman`, "exec podman"), undefined],
  ["no file", () => mkdirSync(seen(`${store("out")}/bin/podman`), { recursive: true }), undefined],
  [
    "a script that leads to itself",
    () => script(`${store("out")}/bin/podman`, `${store("out")}/bin/podman`),
    undefined,
  ],
])("the podman of an output: %s", async (_, make, expected) => {
  make();
  const folders = ["out", "podman", "unwrapped", "other"].map((name) => `${store(name)}/bin`);
  expect((await findPrograms({ directory }, folders))?.podman).toBe(expected);
});

test("helpers: the first of a name that can be used", async () => {
  compiled(`${store("out")}/bin/podman`);
  script(`${store("out")}/bin/crun`, "sudo crun");
  compiled(`${store("out")}/bin/newuidmap`);
  compiled(`${store("a")}/bin/crun`);
  compiled(`${store("b")}/bin/crun`);
  compiled(`${store("b")}/bin/sh`);
  const folders = ["out", "a", "b"].map((name) => `${store(name)}/bin`);
  expect(await findPrograms({ directory }, folders)).toEqual({
    podman: `${store("out")}/bin/podman`,
    crun: `${store("a")}/bin/crun`,
  });
});
