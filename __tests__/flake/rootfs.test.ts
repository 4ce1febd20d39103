import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buildRootfs, fhsRoots, type Rootfs } from "../../src/flake/rootfs.ts";
import { findNix } from "../../src/nix/find.ts";
import { type Nix, nixConfig } from "../../src/nix/nix.ts";
import { currentSystem } from "../../src/nix/releases.ts";
import { createNix } from "../support/inputs.ts";

const environment = { ...process.env };
const system = currentSystem();
let directory: string;
let nix: Nix;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "rootfs-"));
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
  process.env.NIX_CONFIG = "sandbox = false\nsubstituters =";
  const found = await findNix();
  if (found === undefined) throw new Error("These tests need a Nix on PATH. Run script/bootstrap.");
  const configFile = join(directory, "nix.conf");
  writeFileSync(configFile, nixConfig(createNix()));
  nix = { ...found, configFile };
  writeFlake();
});

afterAll(() => {
  process.env = { ...environment };
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

/** A flake with FHS roots and launchers as nixpkgs' builders have made them over the years. */
function writeFlake(): void {
  mkdirSync(join(directory, "action"));
  writeFileSync(
    join(directory, "action", "flake.nix"),
    `{
  outputs = { ... }: let
    make = name: script: derivation {
      inherit name;
      system = "${system}";
      builder = "/bin/sh";
      PATH = "/usr/bin:/bin";
      args = [ "-c" "set -e; \${script}" ];
    };
    # As in an FHS root: a link to what exists inside the environment only.
    podman = "mkdir -p $out/usr/bin && ln -s /usr/libexec/nowhere/podman $out/usr/bin/podman";
    rootfs = make "podman-env-fhsenv-rootfs" podman;
    old = make "podman-env-fhs" podman;
    other = make "hello-fhsenv-rootfs" "mkdir -p $out/usr/bin && : >$out/usr/bin/hello";
    launcher = name: roots: make name "mkdir -p $out/bin && echo 'exec bwrap \${toString roots}' >$out/bin/it";
  in {
    packages.${system} = {
      inherit rootfs;
      launcher = launcher "podman-env" [ other rootfs ];
      indirect = launcher "podman-wrapper" [ (launcher "inner" [ rootfs ]) ];
      launcher-2021 = launcher "podman-env" [ old ];
      unlike = launcher "unlike" [ other ];
      bare = make "podman-5.8.2" "mkdir -p $out/bin && : >$out/bin/podman";
    };
  };
}
`,
  );
}

const place = () => ({
  action: join(directory, "action"),
  workspace: directory,
  link: join(directory, "link"),
});
const buildFlake = (flake: string | undefined): Promise<Rootfs> => buildRootfs(nix, { ...place(), flake });

test.each([
  ["the action's own flake", undefined, "podman-env-fhsenv-rootfs"],
  ["a launcher", "./action#launcher", "podman-env-fhsenv-rootfs"],
  ["a wrapper of a launcher", "path:action#indirect", "podman-env-fhsenv-rootfs"],
  ["a launcher of 2021", "./action#launcher-2021", "podman-env-fhs"],
  ["a root by its whole path", `./action#packages.${system}.rootfs`, "podman-env-fhsenv-rootfs"],
])(
  "the root of %s is found",
  async (_, flake, name) => {
    const { path, rev } = await buildFlake(flake);
    expect(path).toMatch(new RegExp(`^/nix/store/[0-9a-z]{32}-${name}$`));
    expect(rev).toMatch(/^sha256-/);
    expect(existsSync(join(directory, "link"))).toBe(true);
  },
  20_000,
);

test.each(["unlike", "bare"])(
  "a package without podman in an FHS root is refused: %s",
  async (name) => {
    await expect(buildFlake(`path:action#${name}`)).rejects.toThrow(
      new RegExp(
        `^path:${directory}/action#${name} has no FHS root with podman: neither the package nor a path it refers to has usr/bin/podman\\. Name a package built by buildFHSEnv with podman in it\\.$`,
      ),
    );
  },
  20_000,
);

test("an attribute that is not there is refused in Nix's own words", async () => {
  await expect(buildFlake("path:action#nope")).rejects.toThrow(
    /^Cannot build path:\S+#nope: .*does not provide attribute .*'nope'/,
  );
});

test("FHS roots are known by their names", () => {
  const hash = "0".repeat(32);
  const roots = [`/nix/store/${hash}-podman-fhs`, `/nix/store/${hash}-podman-5.8.2-fhsenv-rootfs`];
  const others = ["-glibc-2.40", "-podman-fhs-init", "-podman-fhsenv-rootfs.drv", "-fhsenv", "-rootfs"].map(
    (end) => `/nix/store/${hash}${end}`,
  );
  expect(fhsRoots([others[0], roots[0], ...others.slice(1), roots[1], ""].join("\n"))).toEqual(roots);
  expect(fhsRoots("")).toEqual([]);
});
