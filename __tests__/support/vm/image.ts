import { join } from "node:path";
import { cached, removeTree, sources } from "../assets/cache.ts";
import { mmdebstrap, mmdebstrapArguments, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { run, runAsRoot } from "../assets/run.ts";

/** What a machine has that boots by itself, beside what a hosted runner's image has. */
const BOOT_PACKAGES = [
  "linux-image-amd64",
  "initramfs-tools",
  "systemd",
  "systemd-sysv",
  "udev",
  "dbus",
  "dbus-user-session",
  "libpam-systemd",
  "openssh-server",
  "apparmor",
];

/** Files of a machine that qemu can boot, each an absolute path. */
export interface VirtualImage {
  /** An ext4 file system, sparse; of 8 GB, as a guest sees it. Not to be written to. */
  disk: string;
  kernel: string;
  initrd: string;
  /** The private key that root and runner let in. */
  key: string;
}

/**
 * A Debian trixie that boots: systemd, AppArmor, sshd, the user `runner` with sudo and no subordinate ids. Made on
 * first use (about two minutes; needs root or sudo, and Debian's mirror), then kept in the test cache.
 *
 * @throws Error with the complaint of the program that failed.
 */
export async function virtualImage(): Promise<VirtualImage> {
  const args = mmdebstrapArguments("trixie", [...RUNNER_PACKAGES, ...BOOT_PACKAGES]);
  const files = ["set-up.sh", "restriction.c", "no-user-namespaces.profile", "runner.service"];
  const recipe = [args, await sources("../vm/image.ts", ...files.map((name) => `../vm/image/${name}`))];
  const folder = await cached("virtual-machine", recipe, async (partial) => {
    const root = join(partial, "root");
    const hook = join(import.meta.dirname, "image", "set-up.sh");
    await mmdebstrap([...args, `--customize-hook=${hook}`, "trixie", root], partial, { OUT: partial });
    const disk = join(partial, "disk");
    await run("truncate", ["--size", "8G", disk]);
    // The guest's kernel finishes what is lazy.
    await runAsRoot("mke2fs", [
      "-q",
      "-t",
      "ext4",
      "-d",
      root,
      "-E",
      "lazy_itable_init=1,lazy_journal_init=1",
      disk,
    ]);
    await removeTree(root);
  });
  return {
    disk: join(folder, "disk"),
    kernel: join(folder, "kernel"),
    initrd: join(folder, "initrd"),
    key: join(folder, "key"),
  };
}
