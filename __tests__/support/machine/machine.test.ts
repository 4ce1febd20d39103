import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { debianRoot, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { node24 } from "../runner/node.ts";
import { type Machine, startMachine } from "./machine.ts";

const scratch = mkdtempSync(join(tmpdir(), "machine-"));
const node = node24();
let image: string;
beforeAll(async () => {
  image = await debianRoot({ packages: RUNNER_PACKAGES, name: "runner" });
}, 600_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("machine", () => {
  let machine: Machine;
  const output = async (...argv: string[]) => {
    const { code, stdout, stderr } = await machine.exec(argv);
    expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: "" });
    return stdout.trim();
  };
  beforeAll(async () => {
    machine = await startMachine({ image, directory: join(scratch, "machine"), node });
  });
  afterAll(() => machine.stop());

  test("the user is runner, with sudo, and no subordinate ids", async () => {
    expect(await output("id")).toBe("uid=1001(runner) gid=1001(runner) groups=1001(runner)");
    expect(await output("sudo", "-n", "id", "-u")).toBe("0");
    expect(await output("cat", "/etc/subuid", "/etc/subgid")).toBe("");
    expect(await output("stat", "-c", "%a %U", "/run/user/1001", "/usr/bin/newuidmap")).toBe(
      "700 runner\n4755 root",
    );
    expect(Object.keys(process.env).includes("JEST_WORKER_ID")).toBe(true);
    expect(await output("env")).not.toContain("JEST_WORKER_ID");
  });

  test("namespaces, cgroup v2 and devices are usable as on a hosted runner", async () => {
    expect(await output("unshare", "--user", "--map-root-user", "--mount", "id", "-u")).toBe("0");
    expect(
      await output("stat", "-f", "-c", "%T", "/sys/fs/cgroup", "/home", "/tmp", "/var/tmp"),
    ).not.toContain("overlay");
    expect(await output("cat", "/sys/fs/cgroup/cgroup.procs")).toContain("1\n");
    expect(await output("mkdir", "/sys/fs/cgroup/own")).toBe("");
    expect(await output("dd", "if=/dev/fuse", "of=/dev/null", "count=0", "status=none")).toBe("");
    expect(await output("findmnt", "--noheadings", "--output", "PROPAGATION", "/")).toBe("shared");
    expect(await output("sudo", "losetup", "--find")).toMatch(/^\/dev\/loop\d+$/);
    expect(await output("/opt/node24/bin/node", "--version")).toMatch(/^v24\./);
  });

  test("exec tells codes, signals, time-outs and missing commands apart, and gives input", async () => {
    expect(await machine.exec(["sh", "-c", "exit 3"])).toMatchObject({ code: 3, signal: null });
    expect(await machine.exec(["sh", "-c", "kill -TERM $$"])).toMatchObject({
      code: null,
      signal: "SIGTERM",
    });
    expect(await machine.exec(["nosuch"])).toMatchObject({ code: 127 });
    expect(await machine.exec(["cat"], { input: "in" })).toMatchObject({ code: 0, stdout: "in" });
    const slow = await machine.exec(["sh", "-c", "sleep 60; true"], { timeout: 300 });
    expect(slow).toMatchObject({ signal: "SIGKILL", timedOut: true, outputHeld: false });
    expect(machine.processes().filter(({ name }) => name === "sleep")).toEqual([]);
  });

  test("orphans are reaped", async () => {
    await output("sh", "-c", "sh -c 'sleep 0.2 & exec true' & wait");
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(machine.processes().map(({ name }) => name)).toEqual(["catatonit"]);
  });

  test("files are seen from the host", async () => {
    await output("touch", "/home/runner/here");
    expect(existsSync(machine.directory("/home/runner/here"))).toBe(true);
    expect(() => machine.directory("/tmp/../etc")).toThrow("not below");
  });

  test("stop leaves nothing, whatever runs", async () => {
    const other = await startMachine({ image, directory: join(scratch, "other") });
    await other.exec([
      "sh",
      "-c",
      "setsid sleep 1000 >/dev/null 2>&1 & mkdir /sys/fs/cgroup/own; sudo mount -t tmpfs tmpfs /mnt",
    ]);
    const pids = other.processes().map(({ hostPid }) => hostPid);
    expect(pids.length).toBe(2);
    await other.stop(); // throws for a cgroup or a mount
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    rmSync(join(scratch, "other"), { recursive: true });
  });

  test("a machine dies with the process that started it", async () => {
    const script = join(scratch, "starter.mjs");
    const module = join(import.meta.dirname, "machine.ts");
    const options = { image, directory: join(scratch, "orphaned") };
    writeFileSync(
      script,
      `const { startMachine } = await import(${JSON.stringify(module)});
       const machine = await startMachine(${JSON.stringify(options)});
       console.log(machine.pid);
       setInterval(() => {}, 1000);`,
    );
    const starter = spawn(join(node, "bin/node"), [script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(starter.stdout, "data")) as [Buffer];
    const pid = Number(line);
    const mounts = () => readFileSync("/proc/self/mounts", "utf8");
    const hierarchy = /^\S+ (\S+) cgroup2 /m.exec(mounts())?.[1] ?? "";
    const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
    const cgroup = join(hierarchy, path);
    expect(cgroup).toMatch(/\/runner-\d+-1$/);
    expect(existsSync(cgroup)).toBe(true);
    starter.kill("SIGKILL");
    const gone = () =>
      [`/proc/${pid}`, cgroup].every((file) => !existsSync(file)) && !mounts().includes("/orphaned/");
    for (let tries = 0; tries < 50 && !gone(); tries++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(gone()).toBe(true);
  });
});
