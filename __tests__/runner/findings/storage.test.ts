import { expect, test } from "@jest/globals";
import { imageStore } from "../../../src/runner/findings/image-store.ts";
import { meansOf } from "../../../src/runner/findings/means.ts";
import { storageDriver } from "../../../src/runner/findings/storage-driver.ts";
import type { Wishes } from "../../../src/runner/plan.ts";
import { machineFacts, noSudo, type Overrides, wishes } from "../../support/facts.ts";

const denied = { error: "mount: permission denied" };

test.each<[Wishes["storageDriver"], string, Overrides, string]>([
  ["fuse-overlayfs", "all is there", {}, "ok fuse-overlayfs"],
  ["fuse-overlayfs", "/dev/fuse is denied", { devices: { fuse: "denied" } }, "change fuse-overlayfs"],
  ["fuse-overlayfs", "/dev/fuse is absent", { devices: { fuse: "absent" } }, "change fuse-overlayfs"],
  [
    "fuse-overlayfs",
    "there is neither /dev/fuse nor sudo",
    { devices: { fuse: "absent" }, privileges: noSudo },
    "note overlay",
  ],
  [
    "fuse-overlayfs",
    "there is neither of the two",
    { devices: { fuse: "denied" }, privileges: noSudo, storage: { overlay: denied } },
    "note vfs",
  ],
  [
    "fuse-overlayfs",
    "a container may make no devices",
    { devices: { fuse: "absent" }, privileges: { bounding: ["sys_admin"] } },
    "note overlay",
  ],
  ["fuse-overlayfs", "there are no extended attributes", { storage: { xattrs: denied } }, "note vfs"],
  ["overlay", "all is there", { devices: { fuse: "absent" } }, "ok overlay"],
  ["overlay", "the kernel refuses", { storage: { overlay: denied } }, "failed overlay"],
  ["overlay", "there are no extended attributes", { storage: { xattrs: denied } }, "failed overlay"],
  [
    "overlay",
    "user namespaces are still to be allowed",
    { namespaces: { user: denied, mount: denied }, storage: { overlay: denied } },
    "ok overlay",
  ],
  [
    "overlay",
    "the kernel is old, and user namespaces are still to be allowed",
    {
      kernel: { release: "5.12.19" },
      namespaces: { user: denied, mount: denied },
      storage: { overlay: denied },
    },
    "failed overlay",
  ],
  ["vfs", "nothing is there", { devices: { fuse: "absent" }, storage: { overlay: denied } }, "ok vfs"],
  ["auto", "all is there", {}, "ok overlay"],
  ["auto", "the kernel refuses", { storage: { overlay: denied } }, "ok fuse-overlayfs"],
  [
    "auto",
    "the kernel refuses and /dev/fuse is absent",
    { storage: { overlay: denied }, devices: { fuse: "absent" } },
    "change fuse-overlayfs",
  ],
  [
    "auto",
    "there is neither, and no sudo",
    { storage: { overlay: denied }, devices: { fuse: "absent" }, privileges: noSudo },
    "note vfs",
  ],
])("storage-driver %s where %s", (wanted, _, overrides, expected) => {
  const facts = machineFacts(overrides);
  const { finding, driver } = storageDriver(facts, wishes({ storageDriver: wanted }), meansOf(facts));
  expect(`${finding.verdict} ${driver}`).toBe(expected);
});

const without = (overrides: Overrides) => {
  const facts = machineFacts({ privileges: noSudo, ...overrides });
  return storageDriver(facts, wishes(), meansOf(facts)).finding;
};

test("what stands in for fuse-overlayfs is said with its cost and how to do without", () => {
  expect(without({ devices: { fuse: "denied" } })).toMatchObject({
    cause:
      "Instead of fuse-overlayfs the kernel's overlay is used (/dev/fuse is there and may not be opened, and there is no sudo)",
    remedy: "Run beforehand: sudo chmod 0666 /dev/fuse",
  });
  expect(without({ devices: { fuse: "absent" }, container: "docker" })).toMatchObject({
    cause:
      "Instead of fuse-overlayfs the kernel's overlay is used (there is no /dev/fuse, and there is no sudo)",
    remedy: "Start the container with --device /dev/fuse",
  });
  expect(without({ storage: { xattrs: denied } })).toMatchObject({
    cause: expect.stringContaining("vfs is used, which copies"),
    remedy: "Give storage-root a directory on another file system such as ext4 or xfs",
  });
});

test("a device is made, or opened to all", () => {
  const actions = (overrides: Overrides) => {
    const facts = machineFacts(overrides);
    return storageDriver(facts, wishes(), meansOf(facts)).finding.actions;
  };
  const device = { kind: "device", path: "/dev/fuse", major: 10, minor: 229 };
  expect(actions({ devices: { fuse: "denied" } })).toEqual([
    {
      name: "Let every user open /dev/fuse",
      step: device,
      remedy: "sudo chmod 0666 /dev/fuse",
      optional: true,
    },
  ]);
  expect(actions({ devices: { fuse: "absent" } })?.map(({ step }) => step)).toEqual([
    { kind: "run", command: ["modprobe", "fuse"] },
    device,
  ]);
  expect(actions({ devices: { fuse: "absent" }, container: "other" })?.map(({ step }) => step)).toEqual([
    device,
  ]);
});

test.each<[string, NonNullable<Overrides["storage"]>, string, string | undefined]>([
  ["all is there", {}, "ok", undefined],
  ["the file system counts no inodes", { freeInodes: undefined }, "ok", undefined],
  [
    "it is full",
    { freeBytes: 999_499 },
    "failed",
    "The file system of /home/runner/.local/share is full: 999.5 kB are free, and podman needs 1.0 MB at least",
  ],
  [
    "it has no inodes",
    { freeInodes: 99 },
    "failed",
    "The file system of /home/runner/.local/share has no inodes for more files (99 are free)",
  ],
  ["little is free", { freeBytes: 999_999_999 }, "note", undefined],
  ["just enough is free", { freeBytes: 1_000_000_000, freeInodes: 100 }, "ok", undefined],
  [
    "it cannot be written to",
    { writable: { error: "EROFS: read-only file system" } },
    "failed",
    "The image store cannot be made in /home/runner/.local/share (EROFS: read-only file system)",
  ],
  [
    "it is a server's",
    { fileSystem: "nfs" },
    "failed",
    "The image store would be on nfs (/home/runner/.local/share), where files cannot belong to subordinate ids",
  ],
])("the image store where %s", (_, storage, verdict, cause) => {
  const finding = imageStore(machineFacts({ storage }), false);
  expect(finding.verdict).toBe(verdict);
  if (cause !== undefined) expect(finding.cause).toBe(cause);
});

test("with one id alone, a server's file system will do", () => {
  expect(imageStore(machineFacts({ storage: { fileSystem: "nfs" } }), true).verdict).toBe("ok");
});

test("where nothing can be written, that alone is what fails", () => {
  const unwritable = { error: "EROFS: read-only file system" };
  const facts = machineFacts({
    storage: { writable: unwritable, xattrs: unwritable, overlay: unwritable },
  });
  expect(imageStore(facts, false).verdict).toBe("failed");
  for (const driver of ["auto", "overlay", "fuse-overlayfs"] as const) {
    const { finding } = storageDriver(facts, wishes({ storageDriver: driver }), meansOf(facts));
    expect(finding.verdict).toBe("ok");
  }
});

test("attributes that could not be tried are no reason", () => {
  const facts = machineFacts({ storage: { xattrs: undefined } });
  expect(storageDriver(facts, wishes(), meansOf(facts)).driver).toBe("fuse-overlayfs");
});
