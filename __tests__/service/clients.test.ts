import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { addDocker, exportVariables } from "../../src/service/clients.ts";
import { parseEnv } from "../support/runner/files.ts";

const before = { ...process.env };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clients-"));
  for (const name of ["GITHUB_ENV", "GITHUB_PATH"]) {
    process.env[name] = join(directory, name);
    writeFileSync(join(directory, name), "");
  }
});

afterEach(() => {
  process.env = { ...before };
  rmSync(directory, { recursive: true });
});

const exported = () => Object.fromEntries(parseEnv(readFileSync(join(directory, "GITHUB_ENV"), "utf8")));

test("later steps find the socket", () => {
  exportVariables("/run/x/podman.sock", "/nowhere");
  expect(exported()).toEqual({
    DOCKER_HOST: "unix:///run/x/podman.sock",
    TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE: "/run/x/podman.sock",
  });
});

test("in a container job they find published ports, too", () => {
  exportVariables("/run/x/podman.sock", directory);
  expect(exported()).toMatchObject({ TESTCONTAINERS_HOST_OVERRIDE: "localhost" });
});

test("docker is the environment's podman, alone in its directory, also the second time", async () => {
  const home = join(directory, "it's home");
  mkdirSync(join(home, "bin"), { recursive: true });
  const podman = join(home, "bin", "podman");
  writeFileSync(podman, "#!/bin/sh\nprintf '[%s]' podman \"$@\"\n");
  chmodSync(podman, 0o755);
  const environment = {
    script: join(home, "enter.sh"),
    rootfs: "/nowhere",
    graphRoot: "/nowhere",
    driver: "vfs",
    directory: "/nowhere",
    podman,
  } as const;
  const docker = await addDocker(environment);
  expect(await addDocker(environment)).toBe(docker);
  expect(execFileSync(docker, ["run", "a b", ""], { encoding: "utf8" })).toBe("[podman][run][a b][]");
  const [path = ""] = readFileSync(join(directory, "GITHUB_PATH"), "utf8").split("\n");
  expect(docker).toBe(join(path, "docker"));
  expect(execFileSync("ls", ["-A", path], { encoding: "utf8" })).toBe("docker\n");
});
