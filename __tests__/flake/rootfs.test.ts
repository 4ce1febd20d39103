import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { hasProgram } from "../../src/environment/programs.ts";
import { run } from "../../src/exec.ts";
import { fhsRoots } from "../../src/flake/contents.ts";
import { buildRootfs, type Rootfs } from "../../src/flake/rootfs.ts";
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
      builder = "/bin/bash";
      PATH = "/usr/bin:/bin";
      # Nix kills a builder that has closed its output, as chmod does before it ends, and bash becomes its last command.
      args = [ "-c" "set -e; \${script}; :" ];
    };
    # As in an FHS root: a link to what exists inside the environment only.
    podman = "mkdir -p $out/usr/bin && ln -s /usr/libexec/nowhere/podman $out/usr/bin/podman";
    rootfs = make "podman-env-fhsenv-rootfs" podman;
    old = make "podman-env-fhs" podman;
    other = make "hello-fhsenv-rootfs" "mkdir -p $out/usr/bin && : >$out/usr/bin/hello";
    launcher = name: roots: make name "mkdir -p $out/bin && echo 'exec bwrap \${toString roots}' >$out/bin/it";

    # Compiled programs, whatever they do.
    program = name: make name "mkdir -p $out/bin && cp /bin/true $out/bin/\${name}";
    script = name: text: "printf '%s\\n' '#!/bin/sh' \${builtins.concatStringsSep " " (map (line: "'\${line}'") text)} >$out/bin/\${name} && chmod +x $out/bin/\${name}";
    crun = program "crun";
    unwrapped = make "podman-unwrapped" "mkdir -p $out/bin $out/libexec/podman && cp /bin/true $out/bin/podman && cp /bin/true $out/libexec/podman/rootlessport";
    wrapped = make "podman-wrapped" "mkdir -p $out/bin && \${script "podman" [ "PATH=\${crun}/bin:$PATH" "exec \${unwrapped}/bin/podman" ]}";
    capable = podman: make "podman-capable" "mkdir -p $out/bin && \${script "podman" [ "sudo setcap cap_setuid+ep \${unwrapped}/bin/podman" "exec \${podman}/bin/podman" ]}";
    shellWith = path: derivation {
      name = "shell";
      system = "${system}";
      builder = "/bin/bash";
      args = [ "-c" "exit 1" ];
      outputs = [ "out" ];
      PATH = path;
      shellHook = "touch ${directory}/hook";
    };
  in {
    packages.${system} = {
      inherit rootfs unwrapped wrapped;
      launcher = launcher "podman-env" [ other rootfs ];
      indirect = launcher "podman-wrapper" [ (launcher "inner" [ rootfs ]) ];
      launcher-2021 = launcher "podman-env" [ old ];
      unlike = launcher "unlike" [ other ];
      bare = make "podman-5.8.2" "mkdir -p $out/bin && : >$out/bin/podman";
      capable = capable unwrapped;
      capable-wrapped = capable wrapped;
      failing = make "failing" "exit 7";
    };
    devShells.${system} = {
      default = shellWith "\${capable wrapped}/bin:/usr/bin";
      helper-first = shellWith "\${program "conmon"}/bin:\${unwrapped}/bin";
      none = shellWith "/usr/bin:\${crun}/bin";
    };
  };
}
`,
  );
  for (const [name, outputs] of Object.entries(flakes)) {
    mkdirSync(join(directory, name));
    writeFileSync(
      join(directory, name, "flake.nix"),
      `{ inputs.action.url = "path:${directory}/action"; outputs = { action, ... }: with action; { ${outputs} }; }\n`,
    );
  }
}

/** Outputs of flakes, by their names. */
const own = `action.packages.${system}`;
const flakes: Record<string, string> = {
  "failing-then-shell": `packages.${system}.podman = ${own}.failing; defaultPackage.${system} = ${own}.failing; devShell.${system} = action.devShells.${system}.default;`,
  nested: `packages.${system} = { default.${system}.default = ${own}.wrapped; podman = ${own}.unwrapped; };`,
  "bare-then-default": `packages.${system} = { default = ${own}.bare; }; defaultPackage.${system} = ${own}.launcher;`,
  hopeless: `packages.${system} = { default = ${own}.bare; podman = ${own}.failing; }; devShell.${system} = action.devShells.${system}.none;`,
  elsewhere: `packages.riscv64-linux.podman = 1; devShell.armv7l-linux = 1;`,
  nothing: "",
  hello: `packages.${system}.hello = 1; devShells.${system}.hi = 1;`,
};

const buildFlake = (flake: string | undefined): Promise<Rootfs> =>
  buildRootfs(nix, {
    flake,
    action: join(directory, "action"),
    workspace: directory,
    own: join(directory, "own"),
  });

test.each([
  ["the action's own flake", undefined, "podman-env-fhsenv-rootfs"],
  ["a launcher", "./action#launcher", "podman-env-fhsenv-rootfs"],
  ["a wrapper of a launcher", "path:action#indirect", "podman-env-fhsenv-rootfs"],
  ["a launcher of 2021", "./action#launcher-2021", "podman-env-fhs"],
  ["a root by its whole path", `./action#packages.${system}.rootfs`, "podman-env-fhsenv-rootfs"],
  ["a default without podman, then a defaultPackage", "path:bare-then-default", "podman-env-fhsenv-rootfs"],
])(
  "the root of %s is found",
  async (_, flake, name) => {
    const { path, rev, contents, roots } = await buildFlake(flake);
    expect(path).toMatch(new RegExp(`^/nix/store/[0-9a-z]{32}-${name}$`));
    expect(rev).toMatch(/^sha256-/);
    expect({ contents, roots }).toEqual({ contents: { kind: "fhs", path }, roots: [path] });
  },
  20_000,
);

/** Programs that were found, by name: the names of their packages. */
const packagesOf = ({ contents }: Rootfs) =>
  contents.kind === "fhs"
    ? {}
    : Object.fromEntries(
        Object.entries(contents.programs).map(([name, path]) => [
          name,
          path.replace(/^\/nix\/store\/[^-]*-/, ""),
        ]),
      );
const rootlessport = "podman-unwrapped/libexec/podman/rootlessport";

test.each([
  ["podman alone", "path:action#unwrapped", { podman: "podman-unwrapped/bin/podman", rootlessport }],
  [
    "a wrapper as nixpkgs': with what is in its closure",
    "path:action#wrapped",
    { podman: "podman-wrapped/bin/podman", crun: "crun/bin/crun", rootlessport },
  ],
  [
    "a wrapper that calls sudo: passed by",
    "path:action#capable",
    { podman: "podman-unwrapped/bin/podman", rootlessport },
  ],
  [
    "the same, around nixpkgs': that one is used",
    "path:action#capable-wrapped",
    { podman: "podman-wrapped/bin/podman", crun: "crun/bin/crun", rootlessport },
  ],
  [
    "a package that does not build, and a shell",
    "path:failing-then-shell",
    { podman: "podman-wrapped/bin/podman", crun: "crun/bin/crun", rootlessport },
  ],
  [
    "a shell by its name",
    "path:action#helper-first",
    { podman: "podman-unwrapped/bin/podman", conmon: "conmon/bin/conmon", rootlessport },
  ],
  [
    "a shell by its whole path",
    `path:action#devShells.${system}.helper-first`,
    { podman: "podman-unwrapped/bin/podman", conmon: "conmon/bin/conmon", rootlessport },
  ],
  ["a default that is no package", "path:nested", { podman: "podman-unwrapped/bin/podman", rootlessport }],
])(
  "programs of %s",
  async (_, flake, expected) => {
    const rootfs = await buildFlake(flake);
    expect(packagesOf(rootfs)).toEqual(expected);
    // The tree leads to them, and to the machine's.
    const podman = rootfs.contents.kind === "fhs" ? "" : rootfs.contents.programs.podman;
    expect(readlinkSync(join(rootfs.path, "usr/bin/podman"))).toBe(podman);
    expect(readlinkSync(join(rootfs.path, "usr/bin/env"))).toBe("/host/usr/bin/env");
    expect(await hasProgram({ rootfs: rootfs.path, nix: nix.directory }, "env")).toBe(true);
    expect(await hasProgram({ rootfs: rootfs.path, nix: nix.directory }, "crun")).toBe("crun" in expected);
    expect(await run("nix-store", ["--query", "--roots", ...rootfs.roots])).toContain(
      `${directory}/own/roots/`,
    );
    expect(readdirSync(directory)).not.toContain("hook");
  },
  30_000,
);

test("a flake below a repository's root, by git: the query comes before the attribute", async () => {
  const repository = join(directory, "repository");
  mkdirSync(join(repository, "sub"), { recursive: true });
  const git = (...args: string[]) =>
    run("git", ["-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.org", ...args]);
  writeFileSync(
    join(repository, "sub", "flake.nix"),
    `{ inputs.action.url = "path:${directory}/action"; outputs = { action, ... }: { packages = action.packages; }; }\n`,
  );
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "flake");
  const rev = (await git("rev-parse", "HEAD")).trim();
  for (const reference of [`git+file://${repository}?dir=sub#launcher`, "./repository?dir=sub#launcher"]) {
    const rootfs = await buildFlake(reference);
    expect(rootfs.path).toMatch(/-podman-env-fhsenv-rootfs$/);
    expect(rootfs).toMatchObject({ rev, url: expect.stringContaining(rev) });
    // What is locked leads to the same.
    expect((await buildFlake(`${rootfs.url}#launcher`)).path).toBe(rootfs.path);
  }
}, 30_000);

test("what was found is found again, without evaluating", async () => {
  const before = await buildFlake("path:action#wrapped");
  jest.mocked(process.stdout.write).mockClear();
  expect(await buildFlake("path:action#wrapped")).toEqual(before);
  const log = jest.mocked(process.stdout.write).mock.calls.join("\n");
  expect(log).toContain("of wrapped, as built before");
}, 20_000);

const failing = `Cannot build path:DIR/hopeless#packages.${system}.podman: .*failing.drv.* exit code 7.*`;
test.each([
  [
    "attributes of which none is any good, with each one's reason",
    "path:hopeless",
    `The flake path:DIR/hopeless has no podman that can be used: packages.${system}.default: neither the package nor a path it refers to has podman; ${failing}; devShell.${system}: nothing on its PATH has podman. Name another attribute with flake: path:DIR/hopeless#ATTRIBUTE`,
  ],
  [
    "a package without podman",
    "path:action#unlike",
    "The flake path:DIR/action has no podman that can be used: unlike: neither the package nor a path it refers to has podman. Name another .*",
  ],
  ["one that does not build", "path:action#failing", "Cannot build path:DIR/action#failing: .*exit code 7.*"],
  [
    "an attribute that is not there",
    "path:hello#nope",
    `The flake path:DIR/hello has no attribute nope for ${system}. It has: packages.${system}.hello, devShells.${system}.hi. Name one with flake: path:DIR/hello#ATTRIBUTE`,
  ],
  [
    "no podman",
    "path:hello",
    `The flake path:DIR/hello has no podman for ${system}. It has: packages.${system}.hello, devShells.${system}.hi. Name .*`,
  ],
  [
    "another system",
    "path:elsewhere",
    `The flake path:DIR/elsewhere is not for ${system}: it is for armv7l-linux, riscv64-linux. Add that .*`,
  ],
  [
    "nothing",
    "path:nothing",
    `The flake path:DIR/nothing has no podman for ${system}. It has: no packages and no development shells. Name .*`,
  ],
])(
  "refused: %s",
  async (_, flake, message) => {
    const pattern = `^${message.replaceAll("DIR", directory)}$`;
    await expect(buildFlake(flake)).rejects.toThrow(
      expect.objectContaining({ message: expect.stringMatching(pattern) }),
    );
  },
  30_000,
);

test("FHS roots are known by their names", () => {
  const hash = "0".repeat(32);
  const roots = [`/nix/store/${hash}-podman-fhs`, `/nix/store/${hash}-podman-5.8.2-fhsenv-rootfs`];
  const others = ["-glibc-2.40", "-podman-fhs-init", "-podman-fhsenv-rootfs.drv", "-fhsenv", "-rootfs"].map(
    (end) => `/nix/store/${hash}${end}`,
  );
  expect(fhsRoots([...others, ...roots])).toEqual(roots);
  expect(fhsRoots([])).toEqual([]);
});
