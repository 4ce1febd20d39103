import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { exportVariables } from "../../src/service/clients.ts";
import { parseEnv } from "../support/runner/files.ts";

const before = { ...process.env };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "clients-"));
  process.env.GITHUB_ENV = join(directory, "GITHUB_ENV");
  writeFileSync(process.env.GITHUB_ENV, "");
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
