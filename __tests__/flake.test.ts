import { execFileSync } from "node:child_process";
import {
  access,
  constants,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { cached, removeTree } from "./support/assets/cache.ts";
import { debianRoot, ENVIRONMENT_PACKAGES } from "./support/assets/debian-root.ts";
import { runAsRoot } from "./support/assets/run.ts";
import { prepareDebianRoot, writeStandInFlake } from "./support/stand-in.ts";

const action = join(import.meta.dirname, "..");
const systems = ["aarch64-linux", "x86_64-linux"];
const system = process.arch === "arm64" ? "aarch64-linux" : "x86_64-linux";

let folder: string;
let debian: string;
let flake: string;

// Debian's Nix belongs to root; nothing here may reach a cache or build while it evaluates.
function nix(...args: string[]): Promise<string> {
  const options = ["--extra-experimental-features", "nix-command flakes"];
  for (const setting of [
    "sandbox=false",
    "substituters=",
    "build-users-group=",
    "allow-import-from-derivation=false",
  ]) {
    const [name = "", value = ""] = setting.split("=");
    options.push("--option", name, value);
  }
  return runAsRoot("nix", [...args, ...options]);
}

function evaluate(attribute: string): Promise<string> {
  return nix("eval", "--raw", `${flake}#${attribute}`);
}

async function build(attribute: string): Promise<string> {
  const link = join(folder, `result-${attribute}`);
  await nix("build", `${flake}#${attribute}`, "--out-link", link);
  return realpath(link);
}

/** A stand-in flake of this checkout with one text in nix/rootfs.nix replaced. */
async function withRootfs(name: string, text: string, replacement: string): Promise<string> {
  const directory = join(folder, name);
  const reference = writeStandInFlake({ directory, action, debian });
  const file = join(directory, "action/nix/rootfs.nix");
  const before = await readFile(file, "utf8");
  expect(before).toContain(text);
  await writeFile(file, before.replace(text, replacement));
  return reference;
}

beforeAll(async () => {
  const root = await debianRoot({ name: "environment", packages: ENVIRONMENT_PACKAGES });
  folder = await mkdtemp(join(tmpdir(), "flake-"));
  const recipe = [root, await readFile(join(action, "__tests__/support/stand-in.ts"), "utf8")];
  const copy = await cached("stand-in", recipe, async (partial) => {
    prepareDebianRoot(root, join(partial, "debian"));
  });
  debian = join(copy, "debian");
  flake = writeStandInFlake({ directory: join(folder, "flake"), action, debian });
}, 300_000);

afterAll(async () => {
  await removeTree(folder);
});

test("the flake and its checks pass", async () => {
  await nix("flake", "check", flake);
}, 120_000);

test("the flake has these outputs and no other, for both systems", async () => {
  const shown = JSON.parse(await nix("flake", "show", "--json", flake));
  const names = (output: string) =>
    Object.fromEntries(systems.map((name) => [name, Object.keys(shown[output][name])]));
  const each = (keys: string[]) => Object.fromEntries(systems.map((name) => [name, keys]));
  expect(Object.keys(shown).sort()).toEqual([
    "apps",
    "checks",
    "devShells",
    "formatter",
    "overlays",
    "packages",
  ]);
  expect(names("packages")).toEqual(each(["default", "doctor", "podman", "rootfs"]));
  expect(names("devShells")).toEqual(each(["default"]));
  expect(names("apps")).toEqual(each(["default", "doctor"]));
  expect(names("checks")).toEqual(each(["containers", "enter", "launchers", "programs"]));
  expect(Object.keys(shown.formatter)).toEqual(systems);
}, 30_000);

test.each(systems)(
  "all outputs evaluate for %s",
  async (name) => {
    const derivations = [
      `packages.${name}.default`,
      `packages.${name}.doctor`,
      `packages.${name}.rootfs`,
      `devShells.${name}.default`,
    ];
    for (const attribute of [...derivations, `formatter.${name}`, `checks.${name}.enter`]) {
      expect(await evaluate(`${attribute}.system`)).toBe(name);
      expect(await evaluate(`${attribute}.drvPath`)).toMatch(/^\/nix\/store\/.*\.drv$/);
    }
    const podman = await evaluate(`packages.${name}.podman.outPath`);
    expect(await evaluate(`packages.${name}.default.outPath`)).toBe(podman);
    expect(await evaluate(`apps.${name}.default.program`)).toBe(`${podman}/bin/podman`);
    const doctor = await evaluate(`packages.${name}.doctor.outPath`);
    expect(await evaluate(`apps.${name}.doctor.program`)).toBe(`${doctor}/bin/podman-rootless-doctor`);
    const rootfs = await evaluate(`packages.${name}.rootfs.outPath`);
    expect(await evaluate(`packages.${name}.podman.rootfs.outPath`)).toBe(rootfs);
  },
  30_000,
);

test("the overlay makes the same package", async () => {
  const expression = `
    let
      flake = builtins.getFlake "${flake}";
      pkgs = flake.inputs.nixpkgs.legacyPackages.${system};
      final = pkgs // flake.overlays.default final pkgs;
    in
    final.podman-rootless.name + " " + final.podman-rootless.rootfs.name`;
  const names = await nix("eval", "--impure", "--raw", "--expr", expression);
  expect(names).toMatch(/^podman-rootless-(\d+\.\d+\.\d+) podman-rootless-\1-fhsenv-rootfs$/);
}, 30_000);

test("the package has its three launchers, one also at its root", async () => {
  const package_ = await build("podman");
  expect((await readdir(join(package_, "bin"))).sort()).toEqual([
    "fsh-podman-rootless-env",
    "podman",
    "podman-rootless",
  ]);
  for (const file of ["fsh-podman-rootless-env", "bin/podman", "bin/podman-rootless"]) {
    await access(join(package_, file), constants.X_OK);
  }
  await expect(readFile(join(package_, "bin/podman"), "utf8")).resolves.toContain(await build("rootfs"));
}, 60_000);

test("doctor runs by a node of PATH, or by one of its own; podman's package has none", async () => {
  const launcher = join(await build("podman"), "bin/podman-rootless");
  const own = join(await build("doctor"), "bin/podman-rootless-doctor");
  const closure = async (attribute: string) =>
    nix("path-info", "--recursive", join(folder, `result-${attribute}`));
  expect(await closure("podman")).not.toContain("node");
  expect(await closure("doctor")).toContain("-nodejs-slim");

  const say = (version: string) =>
    `printf '#!/bin/sh\\necho ${version} $2\\n' >"$1/node" && chmod +x "$1/node"`;
  const call = async (command: string[], node: string) => {
    const bin = await mkdtemp(join(folder, "bin-"));
    const script = `${node === "" ? ":" : say(node)}; bin=$1; shift; HOME=/nowhere PATH=$bin "$@" --help 2>&1 || echo "code $?"`;
    return execFileSync("/bin/sh", ["-c", script, "sh", bin, ...command], { encoding: "utf8" });
  };
  const lacking = /^podman-rootless: no node of version 20 or newer .* nix run \S+#doctor\ncode 125\n$/;
  expect(await call([launcher, "doctor"], "")).toMatch(lacking);
  expect(await call([launcher, "doctor"], "v18.20.1")).toMatch(lacking);
  expect(await call([launcher, "doctor"], "v20.0.0")).toBe("v20.0.0 doctor\n");
  expect(await call([own], "")).toMatch(/^Usage: podman-rootless doctor /);
}, 60_000);

test("the rootfs has podman, our /etc/containers and nothing of Debian's own identity", async () => {
  const rootfs = await build("rootfs");
  expect(rootfs).toMatch(/-podman-rootless-[0-9.]+-fhsenv-rootfs$/);
  expect(await readlink(join(rootfs, "bin"))).toBe("/usr/bin");
  expect(await readlink(join(rootfs, "usr/bin/podman"))).toMatch(/^\/nix\/store\//);
  const containers = (await readdir(join(rootfs, "etc/containers"))).sort();
  expect(containers).toEqual(["containers.conf", "policy.json", "registries.conf"]);
  const etc = await readdir(join(rootfs, "etc"));
  for (const name of ["passwd", "group", "shadow", "hosts", "subuid"]) expect(etc).not.toContain(name);
}, 60_000);

test("an attribute that the stand-in lacks does not evaluate", async () => {
  const reference = await withRootfs("lacking", "  util-linux,\n}", "  util-linux,\n  slirp4netns,\n}");
  await expect(nix("eval", `${reference}#rootfs.drvPath`)).rejects.toThrow("slirp4netns");
}, 30_000);

test("an argument that buildFHSEnv does not have here does not evaluate", async () => {
  const reference = await withRootfs(
    "argument",
    "  inherit (podman) version;",
    "inherit (podman) version; x = 1;",
  );
  await expect(nix("eval", `${reference}#rootfs.drvPath`)).rejects.toThrow("unexpected argument 'x'");
}, 30_000);

test("the checks notice a package that is not in the rootfs", async () => {
  const reference = await withRootfs("forgotten", "    crun\n", "");
  await expect(nix("build", "--no-link", "-L", `${reference}#checks.${system}.programs`)).rejects.toThrow(
    "no crun in",
  );
}, 60_000);
