import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type Environment, inside } from "../../src/environment/environment.ts";
import { attach, reattach } from "../../src/store/attach.ts";
import { keptContents } from "../../src/store/kept.ts";
import type { Segment } from "../../src/store/segment.ts";
import { joined, readStore, type Store } from "../../src/store/store.ts";
import { type Namespace, startNamespace } from "../support/namespace.ts";
import { storeOf, writeSegment } from "../support/stores.ts";

const [a, b, c] = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as const;
let directory: string;
let namespace: Namespace;
let environment: Environment;
let log: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "attach-"));
  log = "";
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
  namespace = await startNamespace(join(directory, "environment"));
  environment = namespace.environment;
});

afterEach(async () => {
  await namespace.close();
  jest.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

function segmentOf(digest: string, store: Store): Segment {
  const file = join(environment.graphRoot, "segments", `${digest}.squashfs`);
  writeSegment(file, store);
  return { digest, file };
}

const three = () => [segmentOf(a, storeOf(a)), segmentOf(b, storeOf(b, a)), segmentOf(c, storeOf(c, b))];
const listed = () => readFileSync(join(environment.directory, "segments"), "utf8");
const lines = (...segments: Segment[]) =>
  segments.map(({ digest, file }) => `${file} /.segments/${digest}\n`).join("");
const warnings = () => log.split("\n").filter((line) => line.startsWith("::warning::"));
/** The layer of a segment, as the environment sees it. */
const read = (digest: string, root = `/.segments/${digest}`) =>
  inside(environment, "cat", [`${root}/overlay/l${digest}/diff/file of l${digest}`]);

test("segments are mounted, listed for the environment, and their contents are kept", async () => {
  const segments = three();
  expect(await attach(environment, segments, false)).toEqual({ chain: [a, b, c], unpacked: [] });
  expect(listed()).toBe(lines(...segments));
  for (const { digest, file } of segments) {
    expect(await read(digest)).toBe(`l${digest}`);
    expect((await keptContents(environment.graphRoot, digest))?.size).toBe(statSync(file).size);
  }
  expect(await keptContents(environment.graphRoot, b)).toMatchObject({ store: storeOf(b, a) });
  expect(await readStore(environment.graphRoot)).toEqual({ layers: [], images: [] });
  expect(log).toContain(`Segment ${a} is mounted by squashfuse (the kernel: `);
  expect(warnings()).toEqual([]);
});

test("unpacked, they are the store's own, and their archives are not kept", async () => {
  const segments = three();
  expect(await attach(environment, segments, true)).toEqual({ chain: [a, b, c], unpacked: [a, b, c] });
  expect(listed()).toBe("");
  expect(await readStore(environment.graphRoot)).toEqual(joined([storeOf(a), storeOf(b, a), storeOf(c, b)]));
  for (const { digest, file } of segments) {
    expect(await read(digest, environment.graphRoot)).toBe(`l${digest}`);
    expect(existsSync(file)).toBe(false);
    expect((await keptContents(environment.graphRoot, digest))?.size).toBeGreaterThan(1000);
  }
});

test("of two segments with the same name it is the upper's, when they are unpacked", async () => {
  const upper = { layers: [{ id: "lb" }], images: [{ id: "ib", layer: "lb", names: [`${a}:1`] }] };
  await attach(environment, [segmentOf(a, storeOf(a)), segmentOf(b, upper)], true);
  expect((await readStore(environment.graphRoot)).images).toEqual([
    { id: `i${a}`, layer: `l${a}`, names: [], "names-history": [`${a}:1`] },
    { id: "ib", layer: "lb", names: [`${a}:1`] },
  ]);
});

test("a segment with a hole is unpacked without the images on it; those above are mounted", async () => {
  const holed = {
    layers: [
      { id: `l${b}`, parent: `l${a}` },
      { id: "lost", parent: "nowhere" },
    ],
    images: [
      { id: `i${b}`, layer: `l${b}`, names: [`${b}:1`] },
      { id: "broken", layer: "lost", names: ["broken:1"] },
    ],
  };
  const segments = [segmentOf(a, storeOf(a)), segmentOf(b, holed), segmentOf(c, storeOf(c, b))] as const;
  expect(await attach(environment, segments, false)).toEqual({ chain: [a, b, c], unpacked: [b] });
  expect(listed()).toBe(lines(segments[0], segments[2]));
  const left = { ...holed, images: holed.images.slice(0, 1) };
  expect(await readStore(environment.graphRoot)).toEqual(left);
  expect(await keptContents(environment.graphRoot, b)).toMatchObject({ store: left });
  expect(await read(b, environment.graphRoot)).toBe(`l${b}`);
  expect(existsSync(segments[1].file)).toBe(false);
  expect(warnings()).toEqual(["::warning::Image broken is left out: a layer that it stands on is missing"]);
});

test("an image above on a layer that a segment below has lost is left out too", async () => {
  const lower = { layers: [{ id: `l${a}`, parent: "nowhere" }], images: [] };
  expect(await attach(environment, [segmentOf(a, lower), segmentOf(b, storeOf(b, a))], false)).toEqual({
    chain: [a, b],
    unpacked: [b],
  });
  expect((await readStore(environment.graphRoot)).images).toEqual([]);
  expect(warnings()).toHaveLength(1);
});

test.each<[string, (file: string) => void]>([
  ["is gone", (file) => rmSync(file)],
  ["is empty", (file) => writeFileSync(file, "")],
  ["is no squashfs", (file) => writeFileSync(file, "x".repeat(4096))],
  ["was cut off", (file) => writeFileSync(file, readFileSync(file).subarray(0, 200))],
])("a segment that %s ends the chain below it", async (_case, spoil) => {
  const segments = three();
  spoil(segments[1]?.file ?? "");
  expect(await attach(environment, segments, false)).toEqual({ chain: [a], unpacked: [] });
  expect(listed()).toBe(lines(...segments.slice(0, 1)));
  expect(warnings()).toEqual([expect.stringMatching(`^::warning::Segment ${b} cannot be read: \\S`)]);
  expect(await keptContents(environment.graphRoot, b)).toBeUndefined();
});

test("where nothing can be mounted all is unpacked", async () => {
  const segments = three();
  const script = readFileSync(environment.script, "utf8");
  writeFileSync(
    environment.script,
    `case " $* " in *" squashfuse_ll "*) echo no >&2; exit 1;; esac\n${script}`,
  );
  expect(await attach(environment, segments, false)).toEqual({ chain: [a, b, c], unpacked: [a, b, c] });
  expect(warnings()).toHaveLength(3);
  const refusal = "cannot be mounted \\(kernel: \\S.*; squashfuse: no\\)$";
  for (const [index, digest] of [a, b, c].entries())
    expect(warnings()[index]).toMatch(new RegExp(`^::warning::Segment ${digest} ${refusal}`));
});

test("no segments are none", async () => {
  expect(await attach(environment, [], false)).toEqual({ chain: [], unpacked: [] });
  expect(listed()).toBe("");
  expect(existsSync(environment.graphRoot)).toBe(false);
});

test("what an earlier job attached is mounted again, where it was not unpacked", async () => {
  const segments = three();
  rmSync(segments[0]?.file ?? "");
  const kept = { prefix: "p+", chain: [a, b, c], unpacked: [a] };
  expect(await reattach(environment, kept)).toEqual({ chain: [a, b, c], unpacked: [a] });
  expect(listed()).toBe(lines(...segments.slice(1)));
  expect(await read(c)).toBe(`l${c}`);
  expect(readdirSync(environment.graphRoot)).toEqual(["segments"]);
});
