import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Machine } from "../support/machine/machine.ts";
import { type JobResult, runJob } from "../support/runner/job.ts";
import { actionPath, openWorld, type World } from "../support/world/world.ts";

let world: World;
let machine: Machine;
beforeAll(async () => {
  world = await openWorld();
  const flake = world.path("no-podman");
  mkdirSync(flake);
  writeFileSync(join(flake, "flake.nix"), noPodman);
  machine = await world.machine("bad", { mounts: [{ source: flake, target: "/srv/no-podman" }] });
}, 900_000);
afterAll(() => world.close());

const noPodman = `{
  outputs = _: {
    packages.x86_64-linux.hello = derivation {
      name = "hello";
      system = "x86_64-linux";
      builder = "/bin/sh";
      args = [ "-c" "echo >$out" ];
    };
  };
}
`;

const job = (inputs: Record<string, string>, on: Machine = machine): Promise<JobResult> =>
  runJob(on, {
    action: { path: actionPath },
    env: world.cache.environment(),
    steps: [{ id: "podman", uses: true, with: { ...world.inputs, ...inputs } }],
  });

/** The one line by which the step failed. */
function complaint(result: JobResult): string {
  const { outcome, annotations } = result.step("podman");
  expect(outcome).toBe("failure");
  expect(result.post("podman").outcome).toBe("success");
  const errors = annotations.filter(({ level }) => level === "error").map(({ message }) => message);
  expect(errors).toHaveLength(1);
  expect(errors[0]).not.toContain("\n");
  return errors[0] ?? "";
}

/** What the action could leave behind: files outside of the job's own, and processes. */
async function leftovers(): Promise<string> {
  const { stdout } = await machine.exec([
    "sh",
    "-c",
    "ls -d /nix/* /run/user/1001/* ~/.local 2>/dev/null; cat /etc/subuid",
  ]);
  return stdout;
}

describe("bad input fails the step with one line, and leaves nothing", () => {
  test.each([
    [
      "storage-driver",
      "btrfs",
      "Invalid storage-driver 'btrfs'. Expected auto, fuse-overlayfs, overlay or vfs.",
    ],
    [
      "flake",
      "github:a b",
      "Invalid flake 'github:a b'. Expected a flake reference such as github:es-nix/podman-rootless or path:./nix.",
    ],
    ["cache", "maybe", "Invalid cache 'maybe'. Expected auto, true, read-only or false."],
  ])("%s: %s", async (name, value, message) => {
    expect(complaint(await job({ [name]: value }))).toBe(message);
    expect(await leftovers()).toBe("");
  });

  test("rev", async () => {
    const message = "Invalid rev '../x'. Expected a commit, tag or branch of github:es-nix/podman-rootless.";
    expect(complaint(await job({ flake: "", rev: "../x" }))).toBe(message);
    expect(complaint(await job({ rev: "main" }))).toMatch(/^Give flake or rev, not both/);
    expect(await leftovers()).toBe("");
  });

  test("a tarball with another hash", async () => {
    // The stage before it has given the user subordinate ids; they are for a next job, unless told otherwise.
    const message = complaint(await job({ "nix-sha256": "0".repeat(64), keep: "false" }));
    expect(message).toMatch(/is not the tarball that was expected: its SHA-256 is [0-9a-f]{64}, not 0{64}\./);
    expect(message).toMatch(/Nothing of it is installed\. Check nix-sha256/);
    expect(await leftovers()).toBe("");
    expect((await machine.exec(["ls", "-d", "/nix"])).code).not.toBe(0);
  });

  test("no network", async () => {
    const message = complaint(await job({ "nix-url": "http://127.0.0.1:9/nix.tar.xz" }));
    expect(message).toMatch(
      /^Cannot download http:\/\/127\.0\.0\.1:9\/nix\.tar\.xz: .*ECONNREFUSED.*Check the runner's network/,
    );
    expect((await machine.exec(["ls", "-d", "/nix"])).code).not.toBe(0);
  }, 60_000);

  test("no space for Nix", async () => {
    const script = "mkdir /nix && mount -t tmpfs -o size=20m,uid=1001,gid=1001 tmpfs /nix";
    await machine.exec(["sh", "-c", script], { user: "root" });
    expect(complaint(await job({}))).toMatch(/No space left on device.*Free some space/);
    expect((await machine.exec(["sh", "-c", "ls -A /nix/store; ls -d /nix/unpack-*"])).stdout).toBe("");
    await machine.exec(["sh", "-c", "umount /nix && rmdir /nix"], { user: "root" });
  }, 60_000);

  test("a flake that is not there, and one without podman", async () => {
    expect(complaint(await job({ flake: "path:/srv/nothing" }))).toMatch(
      /^Cannot read the flake path:\/srv\/nothing: .*does not exist/,
    );
    expect(complaint(await job({ flake: "path:/srv/no-podman" }))).toMatch(
      /^The flake path:\/srv\/no-podman has no podman for x86_64-linux\. It has: packages\.x86_64-linux\.hello\. /,
    );
    expect(complaint(await job({ flake: "path:/srv/no-podman#hello" }))).toMatch(
      /has no podman that can be used: hello: neither the package nor a path it refers to has podman\. /,
    );
    // Nix stays for the next job, and what keeps it from its garbage collection.
    const left = "ls -d /run/user/1001/*; ls -A ~/.local/share/podman-rootless";
    expect((await machine.exec(["sh", "-c", left])).stdout).toBe("roots\n");
  }, 60_000);

  test("after all that, good input works on the same machine", async () => {
    const result = await job({});
    expect(result.outcome).toBe("success");
    expect(result.step("podman").outputs["podman-version"]).toMatch(/^5\.4\./);
    expect(result).toMatchObject({ killed: [], survivors: [] });
  }, 120_000);
});
