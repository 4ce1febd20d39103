import { one, type Unpaired } from "../cases.ts";
import { timed } from "../timed.ts";
import type { Desk } from "./desk.ts";

/** On the file system of /nix, beside it. */
const BESIDE = "/opt/bench";

/** Nothing of an earlier run is there, nor waits to be written to the disk. */
const clean = `sudo chmod -R u+w /nix ${BESIDE} 2>/dev/null || :
  sudo rm -rf /nix ${BESIDE}; sudo install -d -o runner ${BESIDE}; sync -f ${BESIDE}`;

/** Nix from a server on loopback, on a machine that has none, against the same tarball without the action. */
export function installCases(desk: Desk): Unpaired[] {
  const { machine } = desk;
  const { "nix-url": url = "", "nix-sha256": sha256 = "" } = desk.world.inputs;
  const take = async (script: string, before = ":") =>
    Number(await desk.sh(machine, timed(`${before}; ${clean}`, script))) / 1000;
  const subject = async () => {
    await desk.sh(machine, clean);
    const temporary = `/home/runner/work/_temp/nix`;
    const { milliseconds, bin } = await desk.ours(machine, "install", {
      tarball: { url, sha256 },
      temporary,
    });
    await desk.sh(machine, `${bin}/nix-store --check-validity ${bin.replace(/\/bin$/, "")}`);
    return milliseconds;
  };
  const unpack = `curl --silent --fail ${url} | tar --extract --xz --directory ${BESIDE}`;
  // As its documentation has people do; there it asks sudo for /nix itself.
  const script = `sudo install -d -o runner /nix; ${unpack}; sh ${BESIDE}/nix-*/install --no-daemon`;
  const bare = `tar --extract --xz --file ~/nix.tar.xz --directory ${BESIDE}`;
  const there = `[ -e ~/nix.tar.xz ] || curl --silent --fail --output ~/nix.tar.xz ${url}`;
  const all: [peer: string, run: () => Promise<number>, ratio: number][] = [
    ["tar", () => take(bare, there), 1.1],
    ["curl and tar", () => take(unpack), 1.1],
    ["the tarball's install script", () => take(script), 1],
  ];
  return all.map(([name, peer, ratio]) =>
    one("install", ["installer", name], { subject, peer }, { aim: { ratio } }),
  );
}
