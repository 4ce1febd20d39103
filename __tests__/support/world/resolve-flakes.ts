// In a machine, with node's own types: finds the rootfs of flakes by this repository's code.
// usage: resolve-flakes.ts OWN FLAKE...; prints a line of JSON for each: its name, and what came of it.
import { basename } from "node:path";
import { buildRootfs } from "../../../src/flake/rootfs.ts";
import { messageOf } from "../../../src/log.ts";
import { findNix } from "../../../src/nix/find.ts";

const [own = "", ...flakes] = process.argv.slice(2);
const nix = await findNix();
if (nix === undefined) throw new Error("no Nix here");
for (const flake of flakes) {
  const request = { flake: `path:${flake}`, action: "/", workspace: "/", own };
  const came = await buildRootfs(nix, request).catch((error: unknown) => ({ error: messageOf(error) }));
  console.log(JSON.stringify({ shape: basename(flake), nix: nix.version, ...came }));
}
