import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { build, lockFlake } from "../../src/flake/resolve.ts";
import { type FileServer, startFileServer } from "../support/assets/file-server.ts";
import { type NixLab, nixReleases, openNixLab } from "../support/nix-lab.ts";

const limited = /\b403\b.*\. Give github-token: without one GitHub limits requests\.$/;
const missing =
  /\. There is no such repository or revision, or it is private: then give a github-token that may read it\.$/;

describe.each(nixReleases)("with Nix of %s, %s, a forge", (release, version) => {
  let lab: NixLab;
  let forge: FileServer;
  const environment = { ...process.env };
  const lock = (reference: string) =>
    lockFlake(lab.nix, { url: reference.replaceAll("FORGE", forge.url).replaceAll("DIR", lab.path()) });

  beforeAll(async () => {
    jest.spyOn(process.stdout, "write").mockReturnValue(true);
    lab = await openNixLab(release, version);
    Object.assign(process.env, lab.env);
    forge = await startFileServer(lab.path(), {
      fault: (path) => {
        const status = Number(/^\/(\d{3})\//.exec(path)?.[1] ?? 0);
        return status === 0 ? undefined : { kind: "status", status };
      },
    });
    lab.flake("flake", "{ }");
    mkdirSync(lab.path("empty"));
    for (const name of ["flake", "empty"]) {
      execFileSync("tar", ["-czf", lab.path(`${name}.tar.gz`), "-C", lab.path(), name]);
    }
    mkdirSync(lab.path("git"));
    const identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
    for (const args of [
      ["init", "--quiet"],
      [...identity, "commit", "--quiet", "--allow-empty", "-mx"],
    ]) {
      execFileSync("git", ["-C", lab.path("git"), ...args]);
    }
  }, 300_000);
  afterAll(async () => {
    process.env = environment;
    await forge.close();
    lab.close();
    jest.restoreAllMocks();
  });

  test("that answers is no error", async () => {
    expect((await lock("FORGE/flake.tar.gz")).rev).toMatch(/^sha256-/);
  });

  test.each([
    ["FORGE/403/a.tar.gz", limited],
    ["git+FORGE/403/a", limited],
    ["FORGE/401/a.tar.gz", missing],
    ["FORGE/404/a.tar.gz", missing],
    ["git+FORGE/401/a", missing],
    ["git+FORGE/404/a", missing],
    ["FORGE/empty.tar.gz", /\. There is no flake\.nix at that place: \?dir=DIRECTORY/],
    ["path:DIR/empty", /\. There is no flake\.nix at that place: \?dir=DIRECTORY/],
    ["git+file://DIR/git?rev=0123456789012345678901234567890123456789", /\. There is no such revision: /],
    ["git+file://DIR/git?ref=nosuch", /\. There is no such revision: /],
    ["git+http://127.0.0.1:9/a", /\. Check the runner's network, and its proxy\.$/],
  ])("%s: one line, with what to do", async (reference, expected) => {
    const error: Error = await lock(reference).then(
      () => new Error("none"),
      (thrown) => thrown,
    );
    expect(error.message).toMatch(/^Cannot read the flake \S+: [^\n]+$/);
    expect(error.message).toMatch(expected);
  });

  test("a store that is full: where there is how much room", async () => {
    mkdirSync(lab.path("small"));
    // A store of 4 MB, which nobody else sees.
    const mount = `mount -t tmpfs -o size=4m tmpfs ${lab.path("store")} && exec "$0" "$@"`;
    const script = `#!/bin/sh\nmkdir -p ${lab.path("store")}\nexec unshare --mount sh -c '${mount}' ${lab.path("bin", "nix")} "$@"\n`;
    writeFileSync(lab.path("small", "nix"), script);
    chmodSync(lab.path("small", "nix"), 0o755);
    const noise = `derivation { name = "noise"; system = "x86_64-linux"; builder = "/bin/sh"; PATH = "/usr/bin:/bin"; args = [ "-c" "head -c 8000000 /dev/zero >$out" ]; }`;
    const locked = { url: lab.flake("large", `{ noise = ${noise}; }`), rev: "", inputs: "" };
    const tried = await build({ ...lab.nix, bin: lab.path("small") }, locked, "noise", lab.path("link"));
    expect(tried).toEqual({
      problem: expect.stringMatching(
        /^Cannot build path:\S+#noise: [^\n]*\. Make room: there is \d[\d.]* \w+ at \/[^\n]*\.$/,
      ),
    });
  });
});
