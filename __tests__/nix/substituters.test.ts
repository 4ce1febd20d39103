import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { tryNix } from "../../src/nix/commands.ts";
import { nixConfig } from "../../src/nix/nix.ts";
import { type FileServer, startFileServer } from "../support/assets/file-server.ts";
import { createNix } from "../support/inputs.ts";
import { type NixLab, nixReleases, openNixLab } from "../support/nix-lab.ts";

// Leaves a mark where it is built.
const derivation = (mark: string) =>
  `derivation { name = "thing-1.0"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo >$out; echo >>${mark}" ]; }`;

describe.each(nixReleases)("with Nix of %s, %s", (release, version) => {
  let lab: NixLab;
  let server: FileServer;
  let flake: string;
  let key: string;
  beforeAll(async () => {
    jest.spyOn(process.stdout, "write").mockReturnValue(true);
    lab = await openNixLab(release, version);
    mkdirSync(lab.path("cache"));
    server = await startFileServer(lab.path("cache"));
    const args = ["--generate-binary-cache-key", "test-1", lab.path("secret"), lab.path("public")];
    await lab.run(args, "nix-store");
    key = readFileSync(lab.path("public"), "utf8").trim();
    const config = `nixConfig = { extra-substituters = "${server.url}"; extra-trusted-public-keys = "${key}"; };`;
    flake = lab.flake("flake", `{ thing = ${derivation(lab.path("mark"))}; }`, config);
    await lab.run(["build", `${flake}#thing`, "--out-link", lab.path("thing")]);
    const cache = `file://${lab.path("cache")}?secret-key=${lab.path("secret")}`;
    await lab.run(["copy", "--to", cache, lab.path("thing")]);
  }, 300_000);
  afterAll(async () => {
    await server.close();
    lab.close();
    jest.restoreAllMocks();
  });
  /** Builds with these inputs, from an empty store: whether it was built here, and what the cache was asked. */
  async function obtain(inputs: Parameters<typeof createNix>[0]) {
    for (const name of ["thing", "mark"]) rmSync(lab.path(name), { force: true });
    await lab.run(["--gc"], "nix-store");
    // What a cache has is remembered there.
    rmSync(lab.path("home", ".cache"), { recursive: true, force: true });
    server.requests.length = 0;
    const configFile = lab.path("nix.conf");
    writeFileSync(configFile, nixConfig(createNix(inputs)));
    const args = ["build", `${flake}#thing`, "--no-link"];
    const { code, stderr } = await tryNix({ ...lab.nix, configFile }, args, { env: lab.env });
    return { code, stderr, built: existsSync(lab.path("mark")), asked: server.requests.length > 0 };
  }

  test("a flake's nixConfig is not obeyed by itself: its cache is not even asked", async () => {
    const { stderr, ...rest } = await obtain({});
    expect(rest).toEqual({ code: 0, built: true, asked: false });
    expect(stderr).toMatch(
      /ignoring untrusted flake configuration setting 'extra-(substituters|trusted-public-keys)'/,
    );
  });

  test("it is with accept-flake-config", async () => {
    expect(await obtain({ acceptFlakeConfig: true })).toMatchObject({ code: 0, built: false, asked: true });
  });

  test("extra-substituters with their key are", async () => {
    const inputs = { substituters: [server.url], publicKeys: [key] };
    expect(await obtain(inputs)).toMatchObject({ code: 0, built: false, asked: true });
  });

  test("without the key what they have is not believed", async () => {
    const other = `test-1:${Buffer.alloc(32, 7).toString("base64")}`;
    for (const publicKeys of [[], [other]]) {
      expect(await obtain({ substituters: [server.url], publicKeys })).toMatchObject({
        code: 0,
        built: true,
        asked: true,
      });
    }
  });
});
