import type { StorageDriver } from "../../inputs.ts";
import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import type { Wishes } from "../plan.ts";
import { makeDevice } from "./device.ts";
import { byContainer, canHave, change, type Means, ok } from "./means.ts";

const name = "storage driver";

export interface DriverFinding {
  finding: Finding;
  driver: StorageDriver;
  /** The best one for a podman that comes without fuse-overlayfs. */
  withoutFuse: "overlay" | "vfs";
}

/** The driver that is asked for, or the best one that works here. */
export const storageDriver = (facts: Facts, wishes: Wishes, means: Means): DriverFinding => ({
  ...chosenDriver(facts, wishes, means),
  withoutFuse: overlayProblem(facts) === undefined ? "overlay" : "vfs",
});

function chosenDriver(facts: Facts, wishes: Wishes, means: Means): Omit<DriverFinding, "withoutFuse"> {
  const wanted = wishes.storageDriver;
  // The image store's finding has failed then, and nothing could be tried there.
  if (facts.storage.writable !== true) return { finding: ok(name, "not known"), driver: "vfs" };
  if (wanted === "vfs") return { finding: ok(name, "vfs"), driver: "vfs" };
  const overlay = overlayProblem(facts);
  if (wanted === "overlay") {
    return { finding: overlay === undefined ? ok(name, "overlay") : noOverlay(overlay), driver: "overlay" };
  }
  if (wanted === "auto" && overlay === undefined) return { finding: ok(name, "overlay"), driver: "overlay" };
  const fuse = fuseProblem(facts);
  if (fuse === undefined) return { finding: ok(name, "fuse-overlayfs"), driver: "fuse-overlayfs" };
  const obstacle = fuse.made ? (means.obstacle ?? incapable(facts)) : undefined;
  if (fuse.made && obstacle === undefined) {
    return { finding: change(name, fuse.words, makeDevice(facts, "fuse")), driver: "fuse-overlayfs" };
  }
  const driver = overlay === undefined ? "overlay" : "vfs";
  const words = obstacle === undefined ? fuse.words : `${fuse.words}, and ${obstacle}`;
  return { finding: insteadOfFuse(facts, driver, words, fuse.made), driver };
}

const incapable = (facts: Facts): string | undefined =>
  facts.devices.fuse === "absent" && !canHave(facts, "mknod")
    ? "this container may make no devices"
    : undefined;

/** Why the kernel's overlay cannot be used. */
function overlayProblem({ storage, namespaces, kernel }: Facts): string | undefined {
  const { xattrs = true } = storage;
  if (xattrs !== true) return `no extended attributes (${xattrs.error})`;
  if (storage.overlay === true) return undefined;
  // The probe needs a user namespace; where there is none yet, the kernel's age tells.
  if (namespaces.user !== true || namespaces.mount !== true) {
    const [major = 0, minor = 0] = kernel.release.split(".").map((part) => Number.parseInt(part, 10));
    // The first in which overlay in a user namespace is whole.
    return major > 5 || (major === 5 && minor >= 13) ? undefined : `kernel ${kernel.release}, before 5.13`;
  }
  return storage.overlay.error;
}

/** Why fuse-overlayfs cannot be used, in words, and whether a device would do. */
function fuseProblem({ storage, devices }: Facts): { words: string; made: boolean } | undefined {
  const { xattrs = true } = storage;
  if (xattrs !== true) {
    return {
      words: `${storage.directory} has no extended attributes (${xattrs.error})`,
      made: false,
    };
  }
  if (devices.fuse === "usable") return undefined;
  return {
    words: devices.fuse === "denied" ? "/dev/fuse is there and may not be opened" : "there is no /dev/fuse",
    made: true,
  };
}

function noOverlay(problem: string): Finding {
  return {
    name,
    verdict: "failed",
    found: `overlay: ${problem}`,
    cause: `The kernel's overlay cannot be used for the image store: ${problem}`,
    remedy: "Give storage-driver: auto, or a storage-root on another file system such as ext4 or xfs",
  };
}

function insteadOfFuse(facts: Facts, driver: "overlay" | "vfs", words: string, device: boolean): Finding {
  const cost =
    driver === "overlay"
      ? "the kernel's overlay is used"
      : "vfs is used, which copies all of an image for each of its layers and each container: slower, and more space";
  return {
    name,
    verdict: "note",
    found: `${driver}: ${words}`,
    cause: `Instead of fuse-overlayfs ${cost} (${words})`,
    remedy: device
      ? byContainer(facts.container, {
          docker: "Start the container with --device /dev/fuse",
          kubernetes: "Give the pod /dev/fuse, by a device plugin or a privileged container",
          machine:
            facts.devices.fuse === "absent"
              ? "Run beforehand: sudo modprobe fuse"
              : "Run beforehand: sudo chmod 0666 /dev/fuse",
        })
      : "Give storage-root a directory on another file system such as ext4 or xfs",
  };
}
