import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { saveCache } from "@actions/cache";
import { beforeEach, expect, test } from "@jest/globals";
import { chainKey } from "../../src/cache/key.ts";
import { transitDirectory } from "../../src/cache/restore.ts";
import type { Environment } from "../../src/environment/environment.ts";
import { run } from "../../src/exec.ts";
import { bringBack, type CachedTree } from "../../src/volumes/restore.ts";
import { longestChain, save } from "../../src/volumes/save.ts";
import type { CacheService } from "../support/cache-service/index.ts";
import { useJobDesk } from "../support/job-desk.ts";

const desk = useJobDesk();
const tree = { prefix: "podman-rootless-mounts-v1-x86_64-linux-podman5.4-default+", volume: undefined };
const settings = { limit: 1e9, seconds: 60, run: "1" };
let directory: string;
let temporary: string;
let root: string;
let environment: Environment;
let service: CacheService;

beforeEach(() => {
  ({ directory, temporary, service } = desk);
  mkdirSync(join(directory, "var"));
  root = join(directory, "var", `buildah-cache-${process.getuid?.()}`);
  // Stands in for enter.sh: runs programs of this machine, and tells where a podman keeps its cache mounts.
  const script = join(directory, "enter.sh");
  writeFileSync(
    script,
    `while [ "$1" != exec ]; do shift; done
shift
if [ "$1" = podman ]; then echo "${join(directory, "var")} 5.4.2"; else exec "$@"; fi\n`,
  );
  const graphRoot = join(directory, "storage");
  environment = { script, rootfs: "/", graphRoot, driver: "overlay", directory, podman: "/bin/false" };
});

const file = (path: string) => join(root, path);
const write = (path: string, text: string) => writeFileSync(file(path), text);
const keys = () => service.entries().map(({ key }) => key.slice(tree.prefix.length));
const warnings = () => desk.log.match(/^::warning::.*/gm) ?? [];

/** A job on a new machine: it changes something in what is brought back. */
async function job(change: () => void, with_ = settings): Promise<CachedTree> {
  rmSync(root, { recursive: true, force: true });
  rmSync(environment.graphRoot, { recursive: true, force: true });
  const cached = await bringBack(environment, tree, temporary);
  mkdirSync(root, { recursive: true });
  change();
  await save(environment, cached, with_, temporary);
  return cached;
}

/** Files of 1 kB each. */
const fill = (count: number) => {
  for (let number = 0; number < count; number += 1) write(`file-${number}`, `${number}`.padEnd(1000));
};

test("a chain grows by what changes, and is made anew when it is long", async () => {
  await job(() => fill(20));
  for (let link = 1; link <= longestChain; link += 1) await job(() => write("file-0", `link ${link}`));
  expect(keys().map((key) => key.split("-")[0])).toEqual(["1", "2", "3", "4", "1"]);
  const { chain } = await job(() => {});
  expect(chain).toHaveLength(1);
  expect(readFileSync(file("file-0"), "utf8")).toBe(`link ${longestChain}`);
  expect(readdirSync(root)).toHaveLength(20);
  expect(warnings()).toEqual([]);
});

test("a chain is made anew when more than half has changed", async () => {
  await job(() => fill(3));
  await job(() => fill(2));
  expect(keys()).toHaveLength(2);
  expect(keys().every((key) => key.startsWith("1-"))).toBe(true);
});

test("what is as it was before the last change is a link of its own", async () => {
  const to = (text: string) => () => {
    write("file-0", text);
    utimesSync(file("file-0"), 1000, 1000);
  };
  await job(() => {
    fill(20);
    to("a")();
  });
  await job(to("b"));
  await job(to("a"));
  expect(keys().map((key) => key.split("-")[0])).toEqual(["1", "2", "3"]);
  await job(() => {});
  expect(readFileSync(file("file-0"), "utf8")).toBe("a");
});

test("entries change their type, also where others were in them", async () => {
  await job(() => {
    fill(20);
    mkdirSync(file("directory"));
    write("directory/inner", "x");
    mkdirSync(file("removed"));
    write("removed/inner", "x");
  });
  await job(() => {
    rmSync(file("directory"), { recursive: true });
    write("directory", "a file now");
    renameSync(file("removed"), file("labels"));
    rmSync(file("file-1"));
    symlinkSync("labels", file("file-1"));
  });
  await job(() => {});
  expect(readFileSync(file("directory"), "utf8")).toBe("a file now");
  expect(readFileSync(file("file-1/inner"), "utf8")).toBe("x");
  expect(existsSync(file("removed"))).toBe(false);
  expect(readdirSync(root)).toHaveLength(22);
});

test("names are bytes, whatever they look like", async () => {
  const odd = Buffer.concat([
    Buffer.from(`${root}/`),
    Buffer.from([0xff, 0x0a, 0x5c, 0x27]),
    Buffer.from(" -ü*"),
  ]);
  await job(() => {
    fill(5);
    writeFileSync(odd, "odd");
  });
  await job(() => {});
  expect(readFileSync(odd, "utf8")).toBe("odd");
  await job(() => rmSync(odd));
  await job(() => {});
  expect(readdirSync(root)).toHaveLength(5);
  expect(warnings()).toEqual([]);
});

test("content that changes behind an equal size and time is saved", async () => {
  await job(() => {
    fill(20);
    utimesSync(file("file-3"), 1000, 1000);
  });
  await job(() => {
    write("file-3", "other".padEnd(1000));
    utimesSync(file("file-3"), 1000, 1000);
  });
  await job(() => {});
  expect(readFileSync(file("file-3"), "utf8").trim()).toBe("other");
  expect(statSync(file("file-3")).mtimeMs).toBe(1_000_000);
});

test("what a killed job left beside the place is no obstacle", async () => {
  await job(() => fill(3));
  mkdirSync(`${root}.restored`);
  writeFileSync(`${root}.restored/half`, "");
  await job(() => {});
  expect(readdirSync(root)).toHaveLength(3);
  expect(existsSync(`${root}.restored`)).toBe(false);
});

/** Saves an archive as the only segment of a chain. */
async function saveSegment(make: (path: string) => Promise<unknown>): Promise<void> {
  const transit = transitDirectory(temporary);
  mkdirSync(transit);
  await make(join(transit, "aaaaaaaaaaaa.tar"));
  await saveCache([transit], chainKey(tree.prefix, ["aaaaaaaaaaaa"]));
  rmSync(transit, { recursive: true });
}

test.each(["../outside", "/outside", "a/../../outside"])("a segment cannot remove %s", async (path) => {
  writeFileSync(join(directory, "var", "outside"), "");
  writeFileSync(join(directory, "removed"), `${path}\0`);
  await saveSegment((to) => run("tar", ["--create", `--file=${to}`, `--directory=${directory}`, "removed"]));
  const { chain, cut } = await bringBack(environment, tree, temporary);
  expect([chain, cut]).toEqual([[], true]);
  expect(warnings()).toEqual([expect.stringContaining(`it names a path outside of its tree: ${path}`)]);
  expect(readdirSync(join(directory, "var"))).toEqual(["outside"]);
});

test("a segment that is cut off leaves nothing, and what is saved then is newer", async () => {
  mkdirSync(root);
  fill(200);
  writeFileSync(join(directory, "removed"), "");
  writeFileSync(join(directory, "labels"), "[]");
  await saveSegment(async (to) => {
    const members = ["removed", "labels", `--directory=${root}`, "."];
    await run("tar", ["--create", `--file=${to}`, `--directory=${directory}`, ...members]);
    truncateSync(to, 100_000);
  });
  await job(() => fill(2));
  expect(warnings()).toEqual([
    expect.stringMatching(/files of the cache mounts cannot be brought back: .*tar/),
  ]);
  expect(readdirSync(root)).toHaveLength(2);
  await job(() => {});
  expect(readdirSync(root)).toHaveLength(2);
});

test("an environment without a way to its files saves nothing", async () => {
  const cached = await bringBack(environment, tree, temporary);
  mkdirSync(root);
  fill(1);
  writeFileSync(environment.script, "echo broken >&2; exit 1\n");
  await expect(save(environment, cached, settings, temporary)).rejects.toThrow("broken");
  expect(keys()).toEqual([]);
});

test("without a cache service nothing is done", async () => {
  delete process.env.ACTIONS_RESULTS_URL;
  const { chain } = await job(() => fill(1));
  expect(chain).toEqual([]);
  expect(warnings()).toEqual([]);
});
