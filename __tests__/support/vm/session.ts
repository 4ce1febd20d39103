import { execFileSync } from "node:child_process";
import type { JobMachine } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import type { Process } from "../machine/processes.ts";
import { closeDoor, type Door, execOver, openDoor, sshArguments } from "./ssh.ts";

/** A machine as one of its users has it, from the login to its end. */
export interface VirtualSession extends JobMachine {
  close(): Promise<void>;
}

/** How long a login may take, in milliseconds. */
const LOGIN_TIME = 120_000;

/** What a file's directories need, and then the file. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: shell
const WRITE = '[ -d "${1%/*}" ] || mkdir -p "${1%/*}"; cat >"$1"';

/** Opens a session through a door. `root` runs a shell script as the machine's root and gives its output. */
export async function openSession(
  door: Door,
  root: (script: string) => Promise<string>,
): Promise<VirtualSession> {
  const connection = await openDoor(door, LOGIN_TIME);
  // Each program on the way takes its time here.
  const bare = { ...door, wrapper: [] };
  return {
    exec: (argv, options) => execOver(door, argv, options),
    processes: async () => parseProcesses(await root(LIST)),
    files: {
      write: async (path, text) => {
        const argv = ["sh", "-euc", WRITE, "write", path];
        outputOf(`write ${path}`, await execOver(bare, argv, { input: text }));
      },
      read: async (path) => {
        const { code, stdout, stderr } = await execOver(bare, ["cat", path]);
        if (code !== 0) throw new Error(stderr.trim());
        return stdout;
      },
      copy: async (source, destination) => {
        const archive = execFileSync("tar", ["-C", source, "-c", "."]);
        execFileSync("ssh", [...sshArguments(door), `tar -C '${destination}' -x`], { input: archive });
      },
    },
    close: () => closeDoor(connection),
  };
}

/** The user's and the containers'; not what the session itself consists of. */
const LIST = "ps -e -o pid=,ppid=,uid=,stat=,comm=,args= | awk '$3 == 1001 || $3 >= 100000'";
const SESSION = /^(sshd.*|systemd|\(sd-pam\)|dbus-daemon)$/;

function parseProcesses(list: string): Process[] {
  return list.split("\n").flatMap((line) => {
    const [pid, parent, uid, state = "?", name = "?", ...command] = line.trim().split(/\s+/);
    if (!pid || SESSION.test(name)) return [];
    const number = Number(pid);
    return [
      {
        pid: number,
        hostPid: number,
        hostParent: Number(parent),
        uid: Number(uid),
        state: state.charAt(0),
        name,
        command,
      },
    ];
  });
}
