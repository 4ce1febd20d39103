import type { Facts } from "../facts.ts";
import type { Action } from "../finding.ts";

/** Numbers of the kernel's own list, devices.txt. */
const devices = {
  fuse: { path: "/dev/fuse", major: 10, minor: 229 },
  tun: { path: "/dev/net/tun", major: 10, minor: 200 },
} as const;

/**
 * Makes a device usable. Both actions may fail: a container's engine decides which devices open there, and the
 * kernel may have the driver built in. What podman does without is the finding's matter.
 */
export function makeDevice(facts: Facts, which: "fuse" | "tun"): Action[] {
  const { path, major, minor } = devices[which];
  const absent = facts.devices[which] === "absent";
  const actions: Action[] = [
    {
      name: absent ? `Make ${path}` : `Let every user open ${path}`,
      step: { kind: "device", path, major, minor },
      remedy: absent ? `sudo mknod -m 0666 ${path} c ${major} ${minor}` : `sudo chmod 0666 ${path}`,
      optional: true,
    },
  ];
  // A container's kernel is the host's, and so are its modules.
  if (absent && facts.container === undefined) {
    actions.unshift({
      name: `Load the kernel's module ${which}`,
      step: { kind: "run", command: ["modprobe", which] },
      remedy: `sudo modprobe ${which}`,
      optional: true,
    });
  }
  return actions;
}
