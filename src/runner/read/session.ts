import { Socket } from "node:net";
import { within } from "../../deadline.ts";
import type { Session, User } from "../facts.ts";
import { exists, isOwn } from "./file.ts";

export async function readSession({ uid, name }: User): Promise<Session> {
  const runtimeDirectory = process.env.XDG_RUNTIME_DIR || undefined;
  const usual = `/run/user/${uid}`;
  const [runtimeUsable, defaultUsable, systemd, lingers, bus] = await Promise.all([
    runtimeDirectory !== undefined && isOwn(runtimeDirectory),
    isOwn(usual),
    exists("/run/systemd/system"),
    name !== undefined && exists(`/var/lib/systemd/linger/${name}`),
    findBus(
      [runtimeDirectory, usual].flatMap((directory) => (directory ? [`unix:path=${directory}/bus`] : [])),
    ),
  ]);
  return { runtimeDirectory, runtimeUsable, defaultUsable, linger: systemd ? lingers : undefined, bus };
}

/** The first address that answers: the one in DBUS_SESSION_BUS_ADDRESS, or one of the others. */
async function findBus(others: readonly string[]): Promise<string | undefined> {
  const set = (process.env.DBUS_SESSION_BUS_ADDRESS ?? "").split(";").filter(Boolean);
  for (const address of [...set, ...others]) {
    const socket = socketOf(address);
    if (socket !== undefined && (await answers(socket))) return address;
  }
  return undefined;
}

/**
 * The path of the socket that an address of D-Bus names, as Node takes it: an abstract one begins with a zero byte.
 *
 * @param address such as "unix:path=/run/user/1001/bus,guid=0123"; undefined for another transport
 */
export function socketOf(address: string): string | undefined {
  const match = /^unix:(?:.*,)?(path|abstract)=([^,]+)/.exec(address);
  if (match?.[2] === undefined) return undefined;
  try {
    return (match[1] === "abstract" ? "\0" : "") + decodeURIComponent(match[2]);
  } catch {
    return undefined; // a "%" that escapes nothing
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = new Socket();
  try {
    const connected = new Promise((resolve, reject) => {
      // An error that comes later has a listener too.
      socket.on("connect", resolve).on("error", reject).connect(path);
    });
    await within(1, "D-Bus", connected);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
