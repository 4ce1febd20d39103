import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { addCommands, addDocker } from "../../src/environment/commands.ts";
import type { Environment } from "../../src/environment/environment.ts";

const before = process.env.GITHUB_PATH;
let directory: string;
let environment: Environment;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "commands-"));
  process.env.GITHUB_PATH = join(directory, "path");
  writeFileSync(process.env.GITHUB_PATH, "");
  const home = join(directory, "it's home");
  mkdirSync(join(home, "bin"), { recursive: true });
  mkdirSync(join(directory, "rootfs/usr/bin"), { recursive: true });
  environment = {
    script: join(home, "enter.sh"),
    rootfs: join(directory, "rootfs"),
    graphRoot: "/nowhere",
    driver: "vfs",
    directory: "/nowhere",
    podman: join(home, "bin", "podman"),
  };
  // In place of enter.sh: what it is to run, from the word exec on.
  writeFileSync(environment.script, 'while [ "$1" != exec ]; do shift; done; shift; printf "[%s]" "$@"');
  writeFileSync(environment.podman, "#!/bin/sh\nprintf '[%s]' podman \"$@\"\n");
  chmodSync(environment.podman, 0o755);
});

afterEach(() => {
  if (before === undefined) delete process.env.GITHUB_PATH;
  else process.env.GITHUB_PATH = before;
  rmSync(directory, { recursive: true });
});

const added = () => readFileSync(join(directory, "path"), "utf8").trim().split("\n");
const call = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: "utf8" });

test("podman, and what the rootfs has of buildah and skopeo, are the environment's, in one directory", async () => {
  // A link that leads nowhere here is a program in the environment.
  symlinkSync("/nix/store/none/bin/skopeo", join(environment.rootfs, "usr/bin/skopeo"));
  const paths = await addCommands(environment);
  expect(paths.map((path) => basename(path))).toEqual(["podman", "skopeo"]);
  expect(added()).toEqual([dirname(environment.podman)]);
  expect(paths.every((path) => dirname(path) === dirname(environment.podman))).toBe(true);
  expect(call(paths[1] ?? "", "copy", "a b", "")).toBe("[skopeo][copy][a b][]");
});

test("a rootfs with podman alone has podman alone on PATH", async () => {
  expect(await addCommands(environment)).toEqual([environment.podman]);
});

test("docker is the environment's podman, alone in its directory, also the second time", async () => {
  const docker = await addDocker(environment);
  expect(await addDocker(environment)).toBe(docker);
  expect(call(docker, "run", "a b", "")).toBe("[podman][run][a b][]");
  const [path = ""] = added();
  expect(docker).toBe(join(path, "docker"));
  expect(call("ls", "-A", path)).toBe("docker\n");
});
