import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { Nix } from "../../src/nix/nix.ts";
import { debianRoot, RUNNER_PACKAGES } from "../support/assets/debian-root.ts";
import { type Fault, type FileServer, startFileServer } from "../support/assets/file-server.ts";
import { type NixTarball, nixTarball } from "../support/assets/nix-tarball.ts";
import type { ExecOptions } from "../support/machine/exec.ts";
import { type Machine, startMachine } from "../support/machine/machine.ts";
import { outputOf } from "../support/machine/output.ts";
import { node24 } from "../support/runner/node.ts";
import { repository } from "../support/world/world.ts";

let tarball: NixTarball;
let server: FileServer;
let fault: (count: number) => Fault | undefined;
let scratch: string;
let machine: Machine;

beforeAll(async () => {
  tarball = await nixTarball();
  server = await startFileServer(dirname(tarball.path), { fault: (_, count) => fault(count) });
  scratch = mkdtempSync(join(tmpdir(), "nix-install-"));
  machine = await startMachine({
    image: await debianRoot({ name: "runner", packages: RUNNER_PACKAGES }),
    directory: join(scratch, "machine"),
    node: node24(),
    mounts: [{ source: repository, target: "/srv/action" }],
  });
}, 900_000);

afterAll(async () => {
  await machine.stop();
  await server.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** A machine as new, but for the file server's memory. */
afterEach(async () => {
  await root(`umount /nix /usr/bin/sudo 2>/dev/null || :; chattr -i /nix 2>/dev/null || :
    chmod -R u+w /nix /home/runner/.local 2>/dev/null || :
    rm -rf /nix /home/runner/.local /home/runner/.nix-profile /home/runner/work/_temp/*`);
  server.requests.length = 0;
  fault = () => undefined;
});
fault = () => undefined;

const PATH = "/opt/node24/bin:/usr/local/bin:/usr/bin:/bin";
const sh = async (script: string, options: ExecOptions = {}) =>
  outputOf(script, await machine.exec(["bash", "-euo", "pipefail", "-c", script], options));
const root = (script: string) => sh(script, { user: "root" });

interface Outcome extends Nix {
  error?: string;
  log: string;
}

async function provide(inputs: Record<string, unknown> = {}): Promise<Outcome> {
  const from = { url: `${server.url}/${basename(tarball.path)}`, sha256: tarball.sha256 };
  const argv = ["node", "/srv/action/__tests__/support/world/provide-nix.ts"];
  const { stdout, stderr } = await machine.exec([...argv, JSON.stringify({ tarball: from, ...inputs })], {
    env: { PATH },
  });
  const last = stdout.trim().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(stdout + stderr);
  return { ...(JSON.parse(last) as Nix), log: stdout };
}

const wrong = () => ({
  tarball: { url: `${server.url}/${basename(tarball.path)}`, sha256: "0".repeat(64) },
});

/** What is at /nix and at home of this action's, but for names that differ each time. */
const left = () =>
  sh("ls -dA /nix /nix/* /nix/store/.[!.]* ~/.local/share/podman-rootless/* 2>/dev/null || :");

/** Nix does what Nix does, and its store is whole. */
async function expectNix({ bin, version, path = "" }: Nix, directory = "/nix"): Promise<void> {
  expect(version).toBe(tarball.version);
  expect(await sh(`${bin}/nix --version`)).toContain(tarball.version);
  // Of hashes, references and permissions; the garbage collector leaves Nix alone.
  expect(await sh(`${bin}/nix-store --verify --check-contents 2>&1`)).not.toMatch(/error|differs|modified/);
  expect(await sh(`find ${directory}/store -mindepth 1 ! -type l ! -name .links -perm /222`)).toBe("");
  expect(await sh(`${bin}/nix-store --query --roots ${path}`)).toContain("podman-rootless/roots/nix");
  const builder = `derivation { name = "built"; system = "${tarball.system}"; builder = "/bin/sh"; args = [ "-c" "echo built >$out" ]; }`;
  const built = await sh(
    `${bin}/nix-build --no-out-link --option sandbox false --expr '${builder}' 2>/dev/null`,
  );
  expect(await sh(`cat ${built.replace(/^\/nix/, directory)}`)).toBe("built");
  expect(await left()).not.toContain("unpack-");
}

describe("at /nix", () => {
  test("which is made, and found again by later jobs", async () => {
    const nix = await provide();
    expect(nix).toMatchObject({ bin: `${nix.path}/bin` });
    expect(nix.directory).toBeUndefined();
    await expectNix(nix);
    expect(server.requests).toHaveLength(1);
    for (const mode of ["auto", "existing", "install"]) {
      expect(await provide({ mode })).toMatchObject({ bin: nix.bin, path: nix.path });
    }
    expect(server.requests).toHaveLength(1);
  });

  test("by two jobs at the same time", async () => {
    fault = () => ({ kind: "slow", bytes: 12_000_000 });
    const [one, two] = await Promise.all([provide(), provide()]);
    expect(one.path).toBe(two.path);
    expect(server.requests).toHaveLength(2);
    await expectNix(one);
  });

  test("by a job beside one that fails", async () => {
    fault = (count) => (count === 2 ? { kind: "slow", bytes: 12_000_000 } : undefined);
    const failing = provide(wrong());
    while (server.requests.length === 0) await new Promise(setImmediate);
    const [failed, good] = await Promise.all([failing, provide()]);
    expect(failed.error).toMatch(/is not the tarball that was expected/);
    await expectNix(good);
  });

  test("from a server that breaks off, sends elsewhere and asks for time", async () => {
    fault = (count) =>
      [
        { kind: "truncate", bytes: 9_000_000 } as const,
        { kind: "status", status: 429, headers: { "retry-after": "1" } } as const,
        { kind: "status", status: 500 } as const,
        { kind: "redirect", to: `/${basename(tarball.path)}` } as const,
      ][count - 1];
    const nix = await provide();
    expect(nix.log.match(/::warning::Download of .* failed/g)).toHaveLength(3);
    await expectNix(nix);
  });

  test("with the settings of the inputs in later steps", async () => {
    const { bin, log } = await provide({ githubToken: "ghs_x", config: "max-jobs = 7" });
    const exported = (name: string) => new RegExp(`::set-env name=${name}::(.*)`).exec(log)?.[1];
    const env = {
      PATH: [...log.matchAll(/::add-path::(.*)/g)]
        .map(([, path]) => path)
        .reverse()
        .join(":")
        .concat(":", PATH),
      NIX_USER_CONF_FILES: exported("NIX_USER_CONF_FILES"),
    };
    expect(await sh("command -v nix", { env })).toBe(`${bin}/nix`);
    expect(await sh("nix show-config | grep -E '^(max-jobs|access-tokens)'", { env })).toMatch(
      /^access-tokens = +github\.com=ghs_x\nmax-jobs = 7$/,
    );
    expect(await sh("stat --format '%a %U' ~/work/_temp/podman-rootless/nix{,/nix.conf}")).toBe(
      "700 runner\n600 runner",
    );
    expect(exported("NIX_PROFILES")).toBe("/nix/var/nix/profiles/default /home/runner/.nix-profile");
    expect(exported("NIX_SSL_CERT_FILE")).toBe("/etc/ssl/certs/ca-certificates.crt");
    // Programs that are installed there later.
    expect(env.PATH).toContain("/home/runner/.nix-profile/bin:");
  });
});

test("without certificates of the machine's, those of the tarball stay", async () => {
  await root("mkdir -p /run/empty && mount --bind /run/empty /etc/ssl/certs");
  try {
    const { bin, log } = await provide();
    const [, file] = /::set-env name=NIX_SSL_CERT_FILE::(.*)/.exec(log) ?? [];
    expect(file).toMatch(/^\/nix\/store\/[0-9a-z]{32}-nss-cacert-[\d.]+\/etc\/ssl\/certs\/ca-bundle\.crt$/);
    await sh(`${bin}/nix-store --gc 2>/dev/null; grep -q 'BEGIN CERTIFICATE' ${file}; ${bin}/nix --version`);
  } finally {
    await root("umount /etc/ssl/certs");
  }
});

describe("nothing is left of", () => {
  test("another tarball than the expected", async () => {
    const { error } = await provide(wrong());
    expect(error).toMatch(
      new RegExp(`its SHA-256 is ${tarball.sha256}, not 0{64}\\. Nothing of it is installed\\.`),
    );
    expect(await left()).toBe("");
  });

  test("a file that is no tarball", async () => {
    const { error } = await provide({ tarball: { url: `${server.url}/`, sha256: tarball.sha256 } });
    expect(error).toMatch(/the server answered 404/);
    expect(await left()).toBe("");
  });

  test("one for which there is no room", async () => {
    await root("mkdir /nix && mount -t tmpfs -o size=20m,uid=1001,gid=1001 tmpfs /nix");
    const { error } = await provide();
    expect(error).toMatch(/^Cannot unpack Nix in \/nix\/unpack-\w+: .*No space left on device/);
    expect(await left()).toBe("/nix");
  });
});

describe("at home", () => {
  const home = "/home/runner/.local/share/podman-rootless/nix";
  const noSudo = () => root("mount --bind /usr/bin/false /usr/bin/sudo");

  test("where there is no /nix and no sudo", async () => {
    await noSudo();
    const nix = await provide();
    expect(nix).toMatchObject({ directory: home });
    await expectNix(nix, home);
    expect(await left()).toBe([`${home}`, `${dirname(home)}/roots`].join("\n"));
    expect(await provide()).toMatchObject({ path: nix.path, directory: home });
    expect(server.requests).toHaveLength(1);
  });

  test("and its programs are as if they were the machine's", async () => {
    await noSudo();
    await provide();
    const own = 'grep -E "^(Uid|Gid|CapEff|NoNewPrivs)" /proc/self/status; pwd; id --user --group; umask';
    const wrapper = `sh ~/work/_temp/podman-rootless/nix/with-nix.sh ${home} ''`;
    await sh("mkdir -p '/tmp/a dir'");
    const cwd = "/tmp/a dir";
    expect(await sh(`${wrapper} /bin/sh -c '${own}'`, { cwd })).toBe(
      await sh(`/bin/sh -c '${own}'`, { cwd }),
    );
    expect(await sh(`cd / && cd "$OLDPWD" && ${wrapper} /usr/bin/env | sort | grep -v ^_=`, { cwd })).toBe(
      await sh(`cd / && cd "$OLDPWD" && /usr/bin/env | sort | grep -v ^_=`, { cwd }),
    );
    expect(await sh(`${wrapper} /usr/bin/printf '[%s]' 'a b' '' '"$x' '*'`)).toBe(`[a b][]["$x][*]`);
    expect(await sh(`echo in | ${wrapper} /bin/cat; ${wrapper} /bin/sh -c 'exit 7' || echo $?`)).toBe(
      "in\n7",
    );
    expect(await sh(`${wrapper} /bin/sh -c 'kill -TERM $$' || echo $?`)).toBe("143");
    const killed = `${wrapper} /usr/bin/sleep 1000 &
      until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done
      kill -TERM $!; wait $! || echo $?`;
    expect(await sh(killed)).toBe("143");
    expect(await sh(`${wrapper} /bin/readlink /bin; ${wrapper} /bin/ls /nix; ls /nix || :`)).toBe(
      "usr/bin\nstore\nvar",
    );
    // As Nix's sandbox does.
    expect(await sh(`${wrapper} /usr/bin/unshare --user --map-root-user --mount --pid --fork id -u`)).toBe(
      "0",
    );
  });

  test.each([
    ["of another user", "mkdir -p /nix/store/x && echo theirs >/nix/store/x/file"],
    [
      "that is read-only",
      "install -d -o runner /nix/store/x /nix && mount --bind /nix /nix && mount -o remount,bind,ro /nix",
    ],
  ])("where there is a /nix %s, which stays as it is", async (_, script) => {
    await root(script);
    const look = "find /nix -printf '%p %m %u %T@\\n'; cat /proc/self/mounts";
    const before = await root(look);
    const nix = await provide({ mode: "install" });
    expect(nix).toMatchObject({ directory: home });
    await expectNix(nix, home);
    expect(await root(look)).toBe(before);
  });

  test("is refused with both reasons where there are no user namespaces either", async () => {
    await noSudo();
    await root("mount --bind /usr/bin/false /usr/bin/unshare");
    try {
      expect((await provide()).error).toMatch(
        /^Cannot make \/nix for Nix \(.*\), and not use \/home\/runner\/\.local\/share\/podman-rootless\/nix in its place \(.*\)\. Allow sudo without a password, install Nix beforehand, or run: sudo install -d -o \$\(id -un\) \/nix$/,
      );
      expect(await left()).toBe("");
    } finally {
      await root("umount /usr/bin/unshare");
    }
  });
});
