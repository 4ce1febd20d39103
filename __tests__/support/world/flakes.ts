import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, sources } from "../assets/cache.ts";
import { debianRoot, type Release, RUNNER_PACKAGES } from "../assets/debian-root.ts";
import { runAsRoot } from "../assets/run.ts";
import type { Machine, Mount } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import { fhsRoot } from "./environment.ts";

const fixtures = fileURLToPath(new URL("../../fixtures/flakes", import.meta.url));
const script = fileURLToPath(new URL("store-programs.sh", import.meta.url));

/** The fixtures: flakes of each shape that was pinned, by name. */
export const shapes: readonly string[] = readdirSync(fixtures).filter((name) => name !== "nixpkgs");

/** In the machines: a flake of a shape, with the podman of a release. */
export const flakeAt = (release: Release, shape: string): string => `/home/runner/flakes/${release}/${shape}`;

/** What the fixtures' nixpkgs is made of: store paths that are valid once they are registered. */
interface StoreParts {
  release: Release;
  mounts: Mount[];
  /** For nix-store --load-db. */
  registration: string;
  debian: string;
  programs: string;
}

async function storeParts(release: Release): Promise<StoreParts> {
  const root = await fhsRoot(release);
  const recipe = [root, readFileSync(script, "utf8"), await sources("debian-root.ts")];
  const folder = await cached(`store-programs-${release}`, recipe, async (to) => {
    await runAsRoot("sh", [script, root, to]);
  });
  const [debian = "", programs = ""] = readFileSync(join(folder, "paths"), "utf8").split("\n");
  return {
    release,
    debian,
    programs,
    registration: readFileSync(join(folder, "registration"), "utf8"),
    mounts: [
      { source: root, target: debian },
      { source: join(folder, "programs"), target: programs },
    ],
  };
}

/** What a machine with fixtures is started with, and what makes it ready. */
export interface FlakesMachine {
  /** A root with Debian's Nix: 2.8 in bookworm, 2.26 in trixie, 2.34 in forky. */
  image: string;
  mounts: Mount[];
  /** Registers the parts, and puts the flakes at {@link flakeAt}, with their lock files. */
  prepare(machine: Machine): Promise<void>;
}

/**
 * @param nix release of the machine, so of its Nix
 * @param podmans releases whose podman the flakes are to have
 */
export async function flakesMachine(nix: Release, podmans: readonly Release[]): Promise<FlakesMachine> {
  const own = nix === "forky" ? ["nix-bin", "util-linux-extra"] : ["nix-bin"];
  const image = await debianRoot({ release: nix, name: "by-hand", packages: [...RUNNER_PACKAGES, ...own] });
  const parts = await Promise.all(podmans.map(storeParts));
  return {
    image,
    mounts: parts.flatMap(({ mounts }) => mounts),
    prepare: async (machine) => {
      for (const part of parts) writeFlakes(machine, part);
      const load = parts.map(({ registration }) => registration).join("");
      const sh = async (words: string, user: string, input = "") =>
        outputOf(words, await machine.exec(["bash", "-euc", words], { user, input, cwd: "/" }));
      // As an installation for one user.
      await sh(
        `install -d -o runner -g runner /nix /nix/store /nix/var /nix/var/nix
        chown -R runner:runner /home/runner/flakes
        install -d /etc/nix
        # As hosted runners have them; no pinned flake brings them along.
        ln -s ${parts[0]?.programs}/bin/mksquashfs ${parts[0]?.programs}/bin/unsquashfs /usr/bin
        printf 'sandbox = false\\nsubstituters =\\nexperimental-features = nix-command flakes\\n' >/etc/nix/nix.conf`,
        "root",
      );
      await sh("nix-store --load-db", "runner", load);
      // All of a release are locked alike.
      await sh(
        `for release in ~/flakes/*; do
          cd "$release"
          printf '{"version":2,"flakes":[{"from":{"type":"indirect","id":"nixpkgs"},"to":{"type":"path","path":"%s"}}]}' \
            "$PWD/nixpkgs" >registry.json
          nix flake lock path:$PWD/nixpkgs
          # Lock files have times: those of one machine's flakes are the next one's.
          find . -exec touch --date=@1 {} +
          nix flake lock --option flake-registry "$PWD/registry.json" path:$PWD/apps
          for flake in */; do [ -e $flake/flake.lock ] || cp apps/flake.lock $flake; done
        done`,
        "runner",
      );
    },
  };
}

function writeFlakes(machine: Machine, { release, debian, programs }: StoreParts): void {
  const directory = machine.directory(flakeAt(release, ""));
  mkdirSync(directory, { recursive: true });
  cpSync(fixtures, directory, { recursive: true });
  const file = join(directory, "nixpkgs", "flake.nix");
  const text = readFileSync(file, "utf8").replace("@debian@", debian).replace("@programs@", programs);
  writeFileSync(file, text);
}
