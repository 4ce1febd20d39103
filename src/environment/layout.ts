import { constants } from "node:fs";
import { access, cp, mkdir, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { shortDigest } from "../digest.ts";
import { storesDirectory } from "../place.ts";
import { quote } from "../quote.ts";
import { type Environment, enter } from "./environment.ts";

/** What an environment is, and where its files are to be. */
export interface LayoutRequest extends Pick<Environment, "rootfs" | "driver" | "ids" | "tools" | "nix"> {
  /** As in the input of that name; undefined: one directory for each rootfs, driver and range of ids. */
  storageRoot: string | undefined;
  /** Absolute path of the action's checkout. */
  action: string;
  /** Directory to which a relative `storageRoot` relates. */
  workspace: string;
  /** Where the job's own files live, such as RUNNER_TEMP. */
  temporary: string;
}

/**
 * Lays out the files of an environment: its script, and the executable that is podman in it. Both are copies
 * below the job's temporary directory, because later steps must find them whatever becomes of the action.
 */
export async function layOut(request: LayoutRequest): Promise<Environment> {
  const { rootfs, driver, ids, tools, nix, action, temporary } = request;
  const graphRoot =
    request.storageRoot === undefined
      ? join(storesDirectory(), shortDigest([driver, rootfs, JSON.stringify(ids)].join(" ")), "storage")
      : resolvePath(request.storageRoot, request.workspace);
  const id = shortDigest(graphRoot);
  const home = join(temporary, "podman-rootless", id);
  const environment: Environment = {
    script: join(home, "enter.sh"),
    rootfs,
    graphRoot,
    driver,
    ...(ids !== undefined && { ids }),
    tools,
    nix,
    directory: join(await runtimeDirectory(), "podman-rootless", id),
    podman: join(home, "bin", "podman"),
  };
  await mkdir(join(home, "bin"), { recursive: true });
  await cp(join(action, "nix", "enter.sh"), environment.script);
  await cp(join(action, "nix", "etc"), join(home, "etc"), { recursive: true });
  await writeFile(environment.podman, renderCommand(environment, "podman"), { mode: 0o755 });
  return environment;
}

/** @param path as people write it, perhaps with `~`; relative paths are to `workspace` */
export const resolvePath = (path: string, workspace: string): string =>
  resolve(workspace, path.replace(/^~(?=\/|$)/, homedir()));

/** As enter.sh finds it: the first of these that is the user's own and can be written to, or one below /tmp. */
export async function runtimeDirectory(): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  for (const session of [process.env.XDG_RUNTIME_DIR, `/run/user/${uid}`]) {
    if (session && (await isOwn(session, uid))) return session;
  }
  return `/tmp/podman-rootless-${uid}`;
}

async function isOwn(directory: string, uid: number): Promise<boolean> {
  try {
    await access(directory, constants.W_OK);
    return (await stat(directory)).uid === uid;
  } catch {
    return false;
  }
}

/** The text of an executable that is a program of the rootfs, such as the one that the output `podman` names. */
export function renderCommand(environment: Environment, program: string): string {
  return `#!/bin/sh\nexec ${enter(environment).map(quote).join(" ")} exec ${quote(program)} "$@"\n`;
}
