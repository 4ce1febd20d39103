import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Output } from "../../src/exec.ts";
import { type NixOptions, tryNix } from "../../src/nix/commands.ts";
import { type FileServer, startFileServer } from "../support/assets/file-server.ts";
import { type NixLab, nixReleases, openNixLab } from "../support/nix-lab.ts";

let log: string[];
let onLine: (line: string) => void;
beforeEach(() => {
  log = [];
  onLine = () => {};
  jest.spyOn(process.stdout, "write").mockImplementation((text) => {
    log.push(...String(text).trimEnd().split("\n"));
    onLine(log.at(-1) ?? "");
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

const derivation = (name: string, script: string, more = "") =>
  `derivation { name = "${name}"; system = "x86_64-linux"; builder = "/bin/sh"; PATH = "/usr/bin:/bin"; args = [ "-c" ''${script}'' ]; ${more} }`;

const outputs = (end: string) => `rec {
  small = ${derivation("small-1.0", "echo small >$out")};
  large = ${derivation("large-1.0", "head -c 1500000 /dev/urandom >$out")};
  fetched = ${derivation("fetched-1.0", "echo $of >$out", "of = [ small large ];")};
  slow = ${derivation("podman-rootless-5.8.2", `echo $of >$out; until [ -e ${end} ]; do sleep 0.1; done`, "of = fetched;")};
  fails = ${derivation("fails-1.0", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3")};
  traced = builtins.trace "a trace" (${derivation("traced-1.0", "echo >$out")});
  podman = ${derivation("podman-5.8.2", "echo >$out", 'src = "/nowhere"; inputs = [ rootless ];')};
  both = ${derivation("both-1.0", "echo >$out", "inputs = [ podman crun rootless ];")};
  crun = ${derivation("crun-1.21", "echo >$out", 'src = "/nowhere";')};
  rootless = ${derivation("podman-rootless-5.8.2", "echo >$out", 'src = "/nowhere";')};
  foreign = ${derivation("podman-5.8.2", "echo >$out", 'src = "/nowhere";').replace("x86_64", "riscv64")};
  light = ${derivation("podman-5.8.2", "echo >$out")};
}`;

describe.each(nixReleases)("with Nix of %s, %s", (release, version) => {
  let lab: NixLab;
  let server: FileServer;
  let flake: string;
  const cache = ["--option", "require-sigs", "false", "--option", "substituters"];
  const nix = (args: string[], options: NixOptions = {}): Promise<Output> =>
    tryNix(lab.nix, args, { ...options, env: lab.env });
  const build = (attribute: string, more: string[] = []) =>
    nix(["build", "--no-link", `${flake}#${attribute}`, ...more], { show: true });
  const warnings = () => log.filter((line) => line.startsWith("::warning::"));

  beforeAll(async () => {
    lab = await openNixLab(release, version);
    flake = lab.flake("flake", outputs(lab.path("end")));
    mkdirSync(lab.path("cache"));
    server = await startFileServer(lab.path("cache"), {
      fault: (path) => (path.startsWith("/nar/") ? { kind: "slow", bytes: 200_000 } : undefined),
    });
    await lab.run(["build", `${flake}#fetched`, "--out-link", lab.path("fetched")]);
    await lab.run(["copy", "--to", `file://${lab.path("cache")}`, lab.path("fetched")]);
    rmSync(lab.path("fetched"));
    await lab.run(["--gc"], "nix-store");
  }, 300_000);
  afterAll(async () => {
    await server.close();
    lab.close();
  });

  test("what takes long says what it is at, how much of how much and how fast", async () => {
    onLine = (line) => {
      if (/building/.test(line)) writeFileSync(lab.path("end"), "");
    };
    const { code, stderr } = await build("slow", [...cache, server.url]);
    expect({ code, stderr: stderr.replace(/^(these|this| ).*\n/gm, "") }).toEqual({ code: 0, stderr: "" });
    expect(log).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Fetched (1\.\d|\d+\.\d kB) of 1\.5 MB, \d+\.\d kB\/s, [012] of 3 paths$/),
        expect.stringMatching(/^Fetched 1\.5 MB, 3 of 3 paths; building podman-rootless-5\.8\.2 for \d+ s$/),
      ]),
    );
    expect(log.at(-1)).toMatch(/^Nix took \d+ s, with 1\.5 MB fetched$/);
    expect(log.filter((line) => !/^(Fetched|Nix took|Evaluating|Copying|Querying) /.test(line))).toEqual([]);
  }, 120_000);

  test("an error shows and comes back as Nix's own text, with the builder's last lines", async () => {
    const { code, stderr } = await build("fails");
    expect(code).toBe(1);
    const tail = Array.from({ length: 10 }, (_, line) => `       > line ${line + 3}`);
    expect(stderr).toMatch(/^error: .*fails-1\.0\.drv'/m);
    expect(stderr).toContain(["       last 10 log lines:", ...tail].join("\n"));
    expect(log.join("\n")).toContain(tail.join("\n"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what colours a terminal
    expect(log.join("\n")).not.toMatch(/@nix|\u001b/);
  });

  test("a trace shows; a command that is not to be shown says nothing, and its errors come back", async () => {
    expect((await build("traced")).stderr).toMatch(/^trace: a trace$/m);
    expect(log).toContain("trace: a trace");
    log = [];
    const { code, stderr } = await nix(["eval", `${flake}#nope`]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: flake '.*' does not provide attribute .*'nope'/);
    expect(log).toEqual([]);
  });

  test("podman from source: it says so before, and that no binary cache is configured", async () => {
    expect((await build("both")).code).toBe(0);
    // 2.8 does not list what it will build.
    const names = version.startsWith("2.8.")
      ? "(podman-5\\.8\\.2|crun-1\\.21)"
      : "(podman-5\\.8\\.2, crun-1\\.21|crun-1\\.21, podman-5\\.8\\.2)";
    expect(warnings()).toEqual([
      expect.stringMatching(
        new RegExp(
          `^::warning::Nix compiles ${names} from source, which can take an hour: no binary cache is configured\\. Name one with extra-substituters, and its key with extra-trusted-public-keys\\.$`,
        ),
      ),
    ]);
  });

  test("podman from source: it names the binary caches that do not have it", async () => {
    await lab.run(["--gc"], "nix-store");
    expect((await build("podman", [...cache, server.url])).code).toBe(0);
    expect(warnings()).toEqual([
      expect.stringContaining(
        `Nix compiles podman-5.8.2 from source, which can take an hour: no binary cache of ${server.url} has it for x86_64-linux`,
      ),
    ]);
  });

  test("podman of another system: it names both", async () => {
    const { stderr } = await build("foreign");
    expect(stderr).toMatch(/riscv64-linux/);
    // 2.8 fails without having begun, and says so itself.
    expect(warnings()).toEqual(
      version.startsWith("2.8.")
        ? []
        : [
            "::warning::Nix is to compile podman-5.8.2: the flake's package is for riscv64-linux, and this machine is x86_64-linux. Name a package for x86_64-linux with flake: REFERENCE#ATTRIBUTE.",
          ],
    );
  });

  test("what is only put together is no such build", async () => {
    expect((await build("light")).code).toBe(0);
    expect((await build("rootless")).code).toBe(0);
    expect(warnings()).toEqual([]);
  });
});
