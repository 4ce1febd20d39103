import { createHash } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { command, type Environment, enter, inside, tryInside } from "../../src/environment/environment.ts";
import { type LayoutRequest, layOut, renderCommand } from "../../src/environment/layout.ts";
import { run, tryRun } from "../../src/exec.ts";
import { quote } from "../../src/quote.ts";

const variables = { ...process.env };
const action = join(import.meta.dirname, "../..");
let directory: string;
let runtime: string;

beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "layout-")));
  runtime = join(directory, "run");
  mkdirSync(runtime);
});

beforeEach(() => {
  process.env.XDG_RUNTIME_DIR = runtime;
});

afterAll(() => {
  process.env = { ...variables };
  rmSync(directory, { recursive: true });
});

const words = [
  "plain",
  "/a-b_c.d:e=1",
  "",
  "a b",
  "a'b",
  "'",
  "''",
  '"',
  "$HOME",
  "`id`",
  "\\",
  "*",
  "a\nb",
  "~",
  "ü",
  ";",
  "a#b",
  "!",
];

test("sh reads quoted words as they were", async () => {
  const text = await run("/bin/sh", ["-c", `printf '[%s]' ${words.map(quote).join(" ")}`]);
  expect(text).toBe(words.map((word) => `[${word}]`).join(""));
});

test("words that need no quotes get none", () => {
  expect(["/nix/store/a-b_1.2", "--driver", "a=b:c"].map(quote)).toEqual([
    "/nix/store/a-b_1.2",
    "--driver",
    "a=b:c",
  ]);
});

/** An environment at odd paths, whose script prints its arguments in brackets. */
function oddEnvironment(): Environment {
  const home = join(directory, `it's "odd" $HOME`);
  mkdirSync(home, { recursive: true });
  const script = join(home, "enter.sh");
  writeFileSync(
    script,
    `for one; do printf '[%s]' "$one"; done; [ "$one" != fail ] || { echo no >&2; exit 9; }\n`,
  );
  const [rootfs, graphRoot] = ["/nix/store/x-fhs", join(home, "store age")];
  const podman = join(home, "podman");
  return { script, rootfs, graphRoot, driver: "vfs", directory: join(home, "\n`d`"), podman };
}

const options = ({ rootfs, graphRoot, driver, directory: dir }: Environment) => [
  "--rootfs",
  rootfs,
  "--graph-root",
  graphRoot,
  "--driver",
  driver,
  "--dir",
  dir,
  "--sudo",
];
const bracketed = (args: readonly string[]) => args.map((one) => `[${one}]`).join("");

test("the executable hands everything on to podman, wherever it all is", async () => {
  const environment = oddEnvironment();
  writeFileSync(environment.podman, renderCommand(environment, "podman"), { mode: 0o755 });
  const args = ["run", "--env", "A=b c", "", "it's", "$HOME", "a\nb"];
  const expected = [...options(environment), "exec", "podman", ...args];
  // As a step's shell runs it.
  const podman = (...rest: string[]) => tryRun("/bin/sh", ["-c", '"$0" "$@"', environment.podman, ...rest]);
  expect(await podman(...args)).toEqual({ code: 0, stdout: bracketed(expected), stderr: "" });
  expect(await podman("fail")).toMatchObject({ code: 9, stderr: "no\n" });
});

test("ids and tools reach enter.sh where there are some", () => {
  const environment = oddEnvironment();
  const idsOf = (ids: Environment["ids"]) => enter({ ...environment, ...(ids && { ids }) }).slice(8, 10);
  expect(idsOf("single")).toEqual(["--ids", "single"]);
  expect(idsOf({ uids: 100_000, gids: 200_000 })).toEqual(["--ids", "100000:200000"]);
  expect(enter({ ...environment, tools: "/a b" }).slice(8, 10)).toEqual(["--tools", "/a b"]);
});

test("programs and commands reach enter.sh with the environment's options", async () => {
  const environment = oddEnvironment();
  expect(enter(environment)).toEqual(["/bin/sh", environment.script, ...options(environment)]);
  expect(await inside(environment, "cat", ["a b"])).toBe(
    bracketed([...options(environment), "exec", "cat", "a b"]),
  );
  expect(await tryInside(environment, "it", ["fail"])).toMatchObject({ code: 9, stderr: "no\n" });
  await command(environment, "start");
});

test("a command that fails is an error in the words of enter.sh, in one line", async () => {
  const environment = oddEnvironment();
  writeFileSync(
    environment.script,
    'for word in no one; do echo "podman-rootless: $word" >&2; done; exit 125\n',
  );
  await expect(command(environment, "start")).rejects.toThrow(new Error("no; one"));
});

const request = (overrides: Partial<LayoutRequest> = {}): LayoutRequest => ({
  rootfs: "/nix/store/x-fhs",
  driver: "overlay",
  storageRoot: undefined,
  action,
  workspace: join(directory, "workspace"),
  temporary: join(directory, "temp"),
  ...overrides,
});

test("the files of an environment are laid out below the job's own directory", async () => {
  const environment = await layOut(request({ storageRoot: "/data/store" }));
  const id = createHash("sha256").update("/data/store").digest("hex").slice(0, 12);
  const home = join(directory, "temp", "podman-rootless", id);
  expect(environment).toEqual({
    script: join(home, "enter.sh"),
    rootfs: "/nix/store/x-fhs",
    graphRoot: "/data/store",
    driver: "overlay",
    directory: join(runtime, "podman-rootless", id),
    podman: join(home, "bin", "podman"),
  });
  for (const name of ["enter.sh", "etc/containers/policy.json", "etc/containers/containers.conf"]) {
    expect(readFileSync(join(home, name), "utf8")).toBe(readFileSync(join(action, "nix", name), "utf8"));
  }
  expect(readFileSync(environment.podman, "utf8")).toBe(renderCommand(environment, "podman"));
  expect(statSync(environment.podman).mode & 0o100).toBe(0o100);
  // The same again, as by a second step.
  expect(await layOut(request({ storageRoot: "/data/store" }))).toEqual(environment);
});

test("each rootfs, driver and range of ids has a store of its own, unless one is named", async () => {
  const rootOf = async (overrides: Partial<LayoutRequest>) => (await layOut(request(overrides))).graphRoot;
  const roots = [
    await rootOf({}),
    await rootOf({ rootfs: "/nix/store/y-fhs" }),
    await rootOf({ driver: "vfs" }),
    await rootOf({ ids: "single" }),
    await rootOf({ ids: { uids: 100_000, gids: 100_000 } }),
  ];
  expect(new Set(roots).size).toBe(5);
  const below = join(homedir(), ".local", "share", "podman-rootless");
  for (const root of roots) expect(root).toMatch(new RegExp(`^${below}/[0-9a-f]{12}/storage$`));
  expect(await rootOf({})).toBe(roots[0]);
  expect(await rootOf({ storageRoot: "/a//b/../c/" })).toBe("/a/c");
});

test("environments of two stores share neither files nor state", async () => {
  const one = await layOut(request({ storageRoot: "/data/1" }));
  const two = await layOut(request({ storageRoot: "/data/2" }));
  for (const key of ["script", "directory", "podman"] as const) expect(one[key]).not.toBe(two[key]);
});

test("a runtime directory that is missing or somebody else's is not used: the session's, or one below /tmp", async () => {
  const uid = process.getuid?.() ?? 0;
  // As the tests run as root, "somebody else" is a number; without root, /tmp is root's.
  const foreign = uid === 0 ? join(directory, "foreign") : "/tmp";
  if (uid === 0) {
    mkdirSync(foreign);
    chownSync(foreign, 1, 1);
  }
  const expected = existsSync(`/run/user/${uid}`) ? `/run/user/${uid}` : `/tmp/podman-rootless-${uid}`;
  for (const path of [join(directory, "missing"), foreign, ""]) {
    process.env.XDG_RUNTIME_DIR = path;
    const { directory: state } = await layOut(request());
    expect(state).toMatch(new RegExp(`^${expected}/podman-rootless/[0-9a-f]{12}$`));
  }
});
