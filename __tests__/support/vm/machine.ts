import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import type { Mount } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import type { VirtualImage } from "./image.ts";
import { startQemu } from "./qemu.ts";
import { openSession, type VirtualSession } from "./session.ts";
import { mountScript, shareDisk } from "./share.ts";
import { closeDoor, type Door, execOver, openDoor } from "./ssh.ts";

/** How commands of the user `runner` are started. */
export type SessionKind =
  /** Logged in: systemd has a session for the user, with a runtime directory and a bus. */
  | "login"
  /** By a system service, without a session. */
  | "service";

export interface VirtualMachine {
  /** From the start of qemu until somebody could log in. */
  bootSeconds: number;
  /** Runs a shell script as root; its standard output, trimmed. Throws with all of its output when it fails. */
  root(script: string): Promise<string>;
  /** Starts a session of `runner`. Its commands stand under the profile no-user-namespaces. */
  open(kind: SessionKind): Promise<VirtualSession>;
  /** Ends the machine as a power cut does; what it wrote is gone. */
  stop(): Promise<void>;
}

export interface VirtualMachineOptions {
  image: VirtualImage;
  /** Read-only, all of them. */
  mounts: Mount[];
  /** Ports of this host's loopback that the machine has on its own. */
  ports: number[];
}

/** How long it may take until somebody can log in, in milliseconds: without KVM, and with other work on the host. */
const BOOT_TIME = 900_000;

/** Boots a virtual machine. Needs root and qemu; it dies with this process. */
export async function startVirtualMachine({
  image,
  mounts,
  ports,
}: VirtualMachineOptions): Promise<VirtualMachine> {
  const scratch = mkdtempSync(join(tmpdir(), "vm-"));
  const doors = { root: await freePort(), service: await freePort() };
  const share = shareDisk(
    mounts.map(({ source }) => source),
    scratch,
  );
  const begun = performance.now();
  const qemu = startQemu(image, share, scratch, { 22: doors.root, 2022: doors.service });
  let opened = 0;
  const door = (user: Door["user"], port: number, wrapper: string[]): Door => {
    const control = join(scratch, `${++opened}`);
    mkdirSync(control);
    return { user, port, key: image.key, control, wrapper };
  };

  const rootDoor = door("root", doors.root, []);
  const root = async (script: string) => outputOf(script, await execOver(rootDoor, ["sh", "-euc", script]));
  const stop = async () => {
    if (qemu.exitCode === null && qemu.signalCode === null) {
      qemu.kill("SIGKILL");
      await once(qemu, "exit");
    }
    rmSync(scratch, { recursive: true, force: true });
  };
  try {
    const master = await openDoor(rootDoor, BOOT_TIME);
    const bootSeconds = (performance.now() - begun) / 1000;
    await root(mountScript(mounts));
    for (const port of ports) await root(proxyScript(port));
    return {
      bootSeconds,
      root,
      open: async (kind) => {
        if (kind === "service") await root("systemctl start runner");
        const port = kind === "service" ? doors.service : doors.root;
        const session = await openSession(door("runner", port, CONFINED), root);
        const close = async () => {
          await session.close();
          if (kind === "service") await root("systemctl stop runner");
        };
        return { ...session, close };
      },
      stop: async () => {
        await closeDoor(master);
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const CONFINED = ["aa-exec", "-p", "no-user-namespaces", "--"];

/** In the machine, a port of the host's loopback (10.0.2.2 is the host) at the same address as there. */
const proxyScript = (port: number) => `
  systemd-run --quiet --unit=host-${port} --socket-property=ListenStream=127.0.0.1:${port} \\
    /usr/lib/systemd/systemd-socket-proxyd 10.0.2.2:${port}
  systemctl start host-${port}.socket`;
