import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import type { VirtualImage } from "./image.ts";

/** systemd is told nothing: what it does is what it does on such a machine. */
const KERNEL_LINE = "root=/dev/vda rw console=ttyS0 quiet apparmor=1 security=apparmor mitigations=off";

/**
 * Boots an image in software, with two processors and 4 GB of memory. What the machine writes goes to a file in
 * `scratch`; so does its console. The machine ends with this process.
 *
 * @param share a second disk, read-only
 * @param ports of the machine, each with the one of this host's loopback that leads to it
 */
export function startQemu(
  image: VirtualImage,
  share: string,
  scratch: string,
  ports: Record<number, number>,
): ChildProcess {
  const disk = join(scratch, "disk");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", image.disk, disk]);
  const forwards = Object.entries(ports).map(([guest, host]) => `hostfwd=tcp:127.0.0.1:${host}-:${guest}`);
  const args = [
    ["-accel", "tcg,thread=multi,tb-size=1024"],
    ["-cpu", "max", "-smp", "2", "-m", "4096"],
    ["-nodefaults", "-display", "none", "-no-reboot", "-serial", `file:${join(scratch, "console")}`],
    ["-kernel", image.kernel, "-initrd", image.initrd, "-append", KERNEL_LINE],
    ["-drive", `file=${disk},if=virtio,cache=unsafe,discard=unmap`],
    ["-drive", `file=${share},if=virtio,format=raw,readonly=on`],
    ["-netdev", ["user", "id=net", ...forwards].join(","), "-device", "virtio-net-pci,netdev=net"],
    ["-device", "virtio-rng-pci"],
  ];
  return spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...args.flat()], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}
