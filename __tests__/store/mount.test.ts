import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { inside, tryInside } from "../../src/environment/environment.ts";
import { mount, mountpointOf, unmount } from "../../src/store/mount.ts";
import { type Namespace, startNamespace } from "../support/namespace.ts";
import { storeOf, writeSegment } from "../support/stores.ts";

let directory: string;
let namespace: Namespace;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "mount-"));
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
  namespace = await startNamespace(join(directory, "environment"));
});

afterEach(async () => {
  await namespace.close();
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const segment = () => ({ digest: "aaaaaaaaaaaa", file: join(directory, "my segments", "a.squashfs") });

test("where the kernel may not be asked, squashfuse mounts a segment, read-only, until it is taken away", async () => {
  const { environment } = namespace;
  writeSegment(segment().file, storeOf("a"));
  const mounted = await mount(environment, segment());
  expect(mounted).toEqual({ by: "squashfuse", why: expect.stringMatching(/^the kernel: \S/) });
  expect(mountpointOf("aaaaaaaaaaaa")).toBe("/.segments/aaaaaaaaaaaa");
  const file = `${mountpointOf("aaaaaaaaaaaa")}/overlay/la/diff/file of la`;
  expect(await inside(environment, "cat", [file])).toBe("la");
  expect((await tryInside(environment, "touch", [file])).stderr).toContain("Read-only file system");
  const mounts = (await inside(environment, "cat", ["/proc/self/mounts"])).split("\n");
  expect(mounts.find((line) => line.includes(` ${mountpointOf("aaaaaaaaaaaa")} `))).toMatch(
    / fuse\.\S+ (?=\S*\bnosuid,)\S*\bnodev,/,
  );
  await unmount(environment, "aaaaaaaaaaaa");
  expect(await inside(environment, "ls", ["-A", mountpointOf("aaaaaaaaaaaa")])).toBe("");
  // Nor is it an error when there is nothing to take away.
  await unmount(environment, "aaaaaaaaaaaa");
});

test("what is no squashfs is mounted by nothing, and both say why", async () => {
  writeSegment(segment().file, storeOf("a"));
  writeFileSync(segment().file, "x".repeat(4096));
  expect(await mount(namespace.environment, segment())).toEqual({
    by: "nothing",
    why: expect.stringMatching(/^kernel: \S.*; squashfuse: \S/),
  });
});

test("an environment without a holder is an error", async () => {
  rmSync(join(namespace.environment.directory, "holder"));
  await expect(mount(namespace.environment, segment())).rejects.toThrow("ENOENT");
});
