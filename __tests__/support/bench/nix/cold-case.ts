import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { FileServer } from "../../assets/file-server.ts";
import type { LockedAction } from "../../world/locked.ts";
import { one, type Unpaired } from "../cases.ts";
import type { Desk } from "./desk.ts";
import { runMain } from "./session.ts";

const SEEN = "/srv/actions";

/** A first job, with nothing in the cache: Nix is installed, and the flake's parts are in a binary cache on loopback. */
export function coldCase(desk: Desk, locked: LockedAction, cache: FileServer): Unpaired {
  const actions = desk.world.path("actions");
  mkdirSync(actions);
  for (const name of ["locked", "evaluated"]) {
    cpSync(locked.action, join(actions, name), { recursive: true });
  }
  rmSync(join(actions, "evaluated", "nix", "rootfs.lock.json"));
  const { "nix-url": url = "", "nix-sha256": sha256 = "" } = desk.world.inputs;
  const inputs = {
    ...{ "nix-url": url, "nix-sha256": sha256, cache: "false", "cache-nix": "false" },
    "extra-substituters": cache.url,
    "extra-trusted-public-keys": locked.publicKey.trim(),
  };
  const run = (name: string, of: RegExp) => () =>
    desk.fresh(
      (machine) => runMain(desk, machine, { action: join(SEEN, name), inputs, says: [of] }),
      [{ source: actions, target: SEEN }, locked.nixpkgs],
    );
  return one(
    "main, nothing cached",
    ["by the lock file", "by evaluation"],
    {
      subject: run("locked", /^Rootfs .*, by nix\/rootfs\.lock\.json$/m),
      peer: run("evaluated", /^Rootfs .*, of packages/m),
    },
    { aim: { ratio: 1 } },
  );
}
