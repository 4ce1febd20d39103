import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { User } from "../../../src/runner/facts.ts";
import { readSession } from "../../../src/runner/read/session.ts";

// No machine has /run/user of that one.
const user: User = { uid: 3_999_999, gid: 0, groups: [], name: "nosuch", home: "/", homeWritable: true };
const before = { ...process.env };
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "session-"));
  process.env.XDG_RUNTIME_DIR = directory;
  delete process.env.DBUS_SESSION_BUS_ADDRESS;
});
afterEach(() => {
  process.env = { ...before };
  rmSync(directory, { recursive: true });
});

async function listening<T>(path: string, work: () => Promise<T>): Promise<T> {
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, "listening");
  try {
    return await work();
  } finally {
    server.close();
  }
}

test("a bus is believed when it answers", async () => {
  const bus = `unix:path=${directory}/bus`;
  expect(await listening(join(directory, "bus"), () => readSession(user))).toMatchObject({
    runtimeDirectory: directory,
    runtimeUsable: true,
    defaultUsable: false,
    bus,
  });
  expect((await readSession(user)).bus).toBeUndefined();
});

test("the address that is set comes first, and one without a bus is passed over", async () => {
  const set = `unix:path=${directory}/other,guid=1`;
  process.env.DBUS_SESSION_BUS_ADDRESS = `tcp:host=localhost,port=1;unix:path=${directory}/gone;${set}`;
  const read = () => listening(join(directory, "bus"), () => readSession(user));
  expect((await listening(join(directory, "other"), read)).bus).toBe(set);
  expect((await read()).bus).toBe(`unix:path=${directory}/bus`);
});

test("a socket that its program left is no bus", async () => {
  const path = join(directory, "bus");
  const serve = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("ready"))`;
  const program = spawn(process.execPath, ["--eval", serve], { stdio: ["ignore", "pipe", "ignore"] });
  await once(program.stdout, "data");
  expect((await readSession(user)).bus).toBe(`unix:path=${path}`);
  program.kill("SIGKILL");
  await once(program, "exit");
  expect(existsSync(path)).toBe(true);
  expect((await readSession(user)).bus).toBeUndefined();
});

test.each(["unix:path=/nul%00byte", `unix:path=/${"long".repeat(99)}`, "unix:path=%"])(
  "an address that cannot be: %j",
  async (address) => {
    process.env.DBUS_SESSION_BUS_ADDRESS = address;
    expect((await readSession(user)).bus).toBeUndefined();
  },
);

test("a runtime directory that is not set, or is none", async () => {
  process.env.XDG_RUNTIME_DIR = "";
  expect(await readSession(user)).toMatchObject({ runtimeDirectory: undefined, runtimeUsable: false });
  process.env.XDG_RUNTIME_DIR = "/proc/version";
  expect(await readSession(user)).toMatchObject({ runtimeDirectory: "/proc/version", runtimeUsable: false });
});
