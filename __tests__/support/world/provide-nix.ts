// Run by node in a machine, as the action's own code is: `node provide-nix.ts INPUTS`. The inputs are JSON and laid over
// what is usual; the last line of what it prints is the Nix, or the error.
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../../src/log.ts";
import { provideNix } from "../../../src/nix/nix.ts";

const given = JSON.parse(process.argv[2] ?? "{}");
const inputs = {
  mode: "auto",
  version: "2.34.7",
  githubToken: "",
  config: "",
  substituters: [],
  publicKeys: [],
  acceptFlakeConfig: false,
  cached: false,
  ...given,
} as const;
const own = join(homedir(), ".local", "share", "podman-rootless");
const settings = join(homedir(), "work", "_temp", "podman-rootless", "nix");
const action = join(import.meta.dirname, "../../..");
const outcome = await provideNix(inputs, { settings, own, action }).catch((error: unknown) => ({
  error: messageOf(error),
}));
console.log(`\n${JSON.stringify(outcome)}`);
process.exit();
