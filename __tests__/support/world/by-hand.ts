import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianRoot, type Release, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { IMAGES, imageRegistryData } from "../assets/images.ts";
import { startRegistry } from "../assets/registry.ts";
import type { ExecOptions, ExecResult } from "../machine/exec.ts";
import { type Machine, startMachine } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import { writeStandInFlake } from "../stand-in.ts";
import { fhsRoot } from "./environment.ts";
import { repository } from "./world.ts";

/** Where our flake is in the machine, for its user. */
export const CHECKOUT = "/home/runner/checkout";

/** A machine with Debian's Nix and a checkout of our flake, for a user who knows nothing of the action. */
export interface ByHandMachine {
  machine: Machine;
  /** A small image in a registry that the user may use by plain HTTP. */
  image: string;
  /** Runs a bash script of the user's, in the checkout: the flake is `.` there. */
  sh(script: string, options?: ExecOptions): Promise<ExecResult>;
  /** As `sh`, of a script that ends with 0; its standard output, trimmed. Throws with all of its output otherwise. */
  output(script: string, options?: ExecOptions): Promise<string>;
  /** Runs a command at a terminal, at which `typed` is typed; what is shown, `typed` too. */
  terminal(command: string, typed: string): Promise<ExecResult>;
  root(script: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * Starts such a machine; nothing is built yet.
 *
 * @param release of the machine, so of its Nix (2.8 in bookworm, 2.26 in trixie, 2.34 in forky), and of the podman
 *   that the flake builds
 */
export async function startByHandMachine(release: Release): Promise<ByHandMachine> {
  const scratch = mkdtempSync(join(tmpdir(), "by-hand-"));
  const registry = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
  const machine = await startMachine({
    image: await nixRoot(release),
    directory: join(scratch, "machine"),
    subordinateIds: "runner:100000:65536",
    mounts: [{ source: await fhsRoot(release), target: "/srv/debian" }],
  });

  const sh = (script: string, options: ExecOptions = {}) =>
    machine.exec(["bash", "-c", script], { cwd: CHECKOUT, ...options });
  const output = async (script: string, options: ExecOptions = {}) =>
    outputOf(script, await sh(script, options));
  const root = (script: string) => output(script, { user: "root", cwd: "/" });

  const setUp = async () => {
    // As an installation for one user: without these, Nix takes a store below the home directory, which only it sees.
    await root(`install -d -o runner -g runner /nix /nix/store /nix/var /nix/var/nix
      install -d /etc/nix /var/empty # what the stand-in is made of by itself
      printf 'sandbox = false\\nsubstituters =\\nexperimental-features = nix-command flakes\\n' >/etc/nix/nix.conf`);
    await output(
      `mkdir -p ~/.config/containers
      printf '[[registry]]\\nlocation = "${registry.host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf`,
      { cwd: "/" },
    );
    // What is in the store already is not copied at every command, as it would be from another path.
    const debian = await output("nix store add-path --name source /srv/debian", { cwd: "/" });
    const directory = machine.directory(CHECKOUT);
    writeStandInFlake({ directory, action: repository, debian, seenAt: CHECKOUT });
    execFileSync("chown", ["-R", "1001:1001", directory]);
    // The nixpkgs that `nix develop` looks into for its shell is this one by itself.
    await output("nix flake lock ./nixpkgs && nix flake lock");
  };
  const close = async () => {
    await machine.stop();
    await registry.close();
    rmSync(scratch, { recursive: true, force: true });
  };
  try {
    await setUp();
  } catch (error) {
    await close();
    throw error;
  }

  return {
    machine,
    image: `${registry.host}/${IMAGES.busybox}`,
    sh,
    output,
    terminal: (command, typed) =>
      machine.exec(["script", "--quiet", "--return", "--command", command, "/dev/null"], {
        cwd: CHECKOUT,
        input: typed,
      }),
    root,
    close,
  };
}

/** A Debian root with Nix, and with what the stand-in's util-linux is made of: pivot_root left that package after trixie. */
export function nixRoot(release: Release): Promise<string> {
  const nix = release === "forky" ? ["nix-bin", "util-linux-extra"] : ["nix-bin"];
  return debianRoot({ release, name: "by-hand", packages: [...RUNNER_PACKAGES, ...nix] });
}
