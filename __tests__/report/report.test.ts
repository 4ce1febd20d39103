import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { parse } from "marked";
import type { Examination } from "../../src/doctor/examination.ts";
import type { StageTime } from "../../src/log.ts";
import { won } from "../../src/report/cold-start.ts";
import { plain } from "../../src/report/markdown.ts";
import { headingOf, type JobSummary, readyTitle, renderFailure, renderJob } from "../../src/report/report.ts";
import type { writeSummary } from "../../src/report/summary.ts";
import { timeline } from "../../src/report/timeline.ts";

const at = (name: string, begin: number, end: number, failed = false): StageTime => ({
  name,
  begin: 1_796_107_000_000 + begin,
  end: 1_796_107_000_000 + end,
  failed,
});
const mainStages = [
  at("Runner", 40, 2340),
  at("Closure", 2345, 2800),
  at("Environment", 2810, 3800),
  at("Cache", 3800, 4100),
];
const postStages = [at("Save", 64_100, 64_150), at("Stop", 64_200, 64_500)];
const hostile = "a|b`c`<img src=x onerror=alert(1)>[x](http://y)**#&\\|:;%%\n::error::no";

const warm: JobSummary = {
  heading: "podman-rootless: podman",
  job: {
    podmanVersion: "5.8.2",
    driver: "fuse-overlayfs",
    shared: false,
    origin: { from: "cache", bytes: 109_282_840, coldSeconds: 41.2 },
    cache: {
      prefix: "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+",
      matchedKey:
        "podman-rootless-store-v1-x86_64-linux-podman5.8-overlay-default+2-8bd26552f32f.0123456789ab",
      size: 347_918_336,
      segments: [
        {
          digest: "8bd26552f32f",
          size: 346_000_000,
          way: "kernel",
          from: "cache",
          cold: { job: "ci/test/podman", seconds: 101.5 },
        },
        { digest: "0123456789ab", size: 1_918_336, way: "squashfuse", from: "cache" },
      ],
    },
  },
  phases: [
    { name: "main", stages: mainStages },
    { name: "post", stages: postStages },
  ],
  saved: [{ what: "image store", why: "No new images: nothing to save" }],
  inventory: {
    images: [
      { id: "b9a3bf51fb4a00", names: ["docker.io/library/python:3.13"], size: 1_020_000_000 },
      {
        id: "9c47ca41cacc00",
        names: ["localhost/demo:latest", "a:1", "b:2", "c:3", "d:4"],
        size: 109_000_000,
      },
      { id: "63e39d16d28200", names: [], size: 0 },
    ],
    size: 1_031_000_000,
  },
  comparison: { stages: mainStages, job: "ci/test/podman", seconds: 31.1 },
};

test("the summary of a warm job", () => {
  expect(renderJob(warm)).toMatchSnapshot();
});

test("the summary of a cold job, which saves all", () => {
  const cache = { prefix: "p+", matchedKey: "", size: 0, segments: [], cold: true };
  const saved = [
    { what: "image store", key: "p+1-8bd26552f32f", bytes: 347_918_336 },
    { what: "Nix and podman's store paths", key: "podman-rootless-closure-v1-x", bytes: 109_282_840 },
  ];
  const text = renderJob({ ...warm, job: { ...warm.job, cache, origin: undefined }, saved });
  expect(text).toMatchSnapshot();
  expect(text).not.toContain("cold start");
});

test("a step in another's environment, and one without a cache", () => {
  const none = { prefix: "", matchedKey: "", size: 0, segments: [] };
  const shared = { ...warm.job, cache: none, shared: true };
  expect(renderJob({ ...warm, job: shared, inventory: undefined, saved: [] })).toMatchSnapshot();
  const off = { ...warm.job, cache: { ...none, why: "the input cache is false" }, origin: undefined };
  expect(renderJob({ ...warm, job: off, saved: [] })).toMatchSnapshot();
});

const examination = {
  plan: {
    findings: [
      { name: "user", verdict: "ok", found: "runner (1001)" },
      { name: "fuse", verdict: "change", found: "no /dev/fuse", actions: [] },
      {
        name: "user namespaces",
        verdict: "failed",
        found: "refused | by <b>seccomp</b>",
        cause: "User namespaces are refused (https://user:secret@example.org)",
        remedy: "Run `docker` with --security-opt seccomp=unconfined",
      },
    ],
    actions: [],
    settings: undefined,
  },
} as unknown as Examination;

test("the summary of a failure has the error, doctor's verdict and the findings, without secrets", () => {
  const phase = { name: "main", stages: [at("Runner", 0, 412, true)] } as const;
  const text = renderFailure(
    "podman-rootless: podman",
    "User namespaces are refused. Do it.",
    phase,
    examination,
  );
  expect(text).toMatchSnapshot();
  expect(text).not.toContain("secret");
  expect(renderFailure("x", hostile, { name: "main", stages: [] }, undefined)).toMatchSnapshot();
});

test.each([hostile, "plain", "ü 漢字 🐳", "a\u202eb", "__init__ *x* ~~y~~ @me #1 www.example.org"])(
  "Markdown and HTML leave the name %j as it is",
  (name) => {
    const html = parse(`| a | b |\n| --- | --- |\n| ${plain(name)} | 2 |`, { async: false, gfm: true });
    const cells = [...html.matchAll(/<td>([\s\S]*?)<\/td>/g)].map(([, cell = ""]) => cell);
    expect(cells).toHaveLength(2);
    const text = (cells[0] ?? "")
      .replaceAll(/&#(\d+);/g, (_, number) => String.fromCodePoint(Number(number)))
      .replaceAll("&#39;", "'")
      .replaceAll("&quot;", '"')
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&");
    expect(cells[0]).not.toMatch(/[<>]/);
    expect(text).toBe(name.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " "));
  },
);

test("images have three names and twenty rows, and the rest is counted", () => {
  const images = Array.from({ length: 25 }, (_, index) => ({
    id: `${index}`.padStart(64, "0"),
    names: [`${hostile}${index}`],
    size: 1000 * (25 - index),
  }));
  const text = renderJob({ ...warm, inventory: { images, size: 1 } });
  expect(text.match(/<code>0{12}<\/code>/g)).toHaveLength(20);
  expect(text).toContain("And 5 more. 25 images;");
});

test("however much there is to say, the runner takes it", () => {
  const long = hostile.repeat(1000);
  const images = Array.from({ length: 5000 }, () => ({
    id: "a".repeat(64),
    names: Array(9).fill(long),
    size: 1,
  }));
  const segments = Array.from({ length: 99 }, () => ({ digest: "a".repeat(12), size: 1 }));
  const saved = Array.from({ length: 20 }, () => ({ what: long, why: long }));
  const cache = { ...warm.job.cache, segments, why: long };
  const text = renderJob({ ...warm, job: { ...warm.job, cache }, inventory: { images, size: 1 }, saved });
  expect(Buffer.byteLength(text)).toBeLessThan(2 ** 20);
  const findings = Array.from({ length: 20 }, () => ({
    name: long,
    verdict: "failed",
    found: long,
    cause: long,
    remedy: long,
  }));
  const failure = renderFailure(long, long, { name: "main", stages: [] }, {
    plan: { findings },
  } as unknown as Examination);
  expect(Buffer.byteLength(failure)).toBeLessThan(2 ** 20);
});

describe("the timeline", () => {
  test.each([
    "a:b;c#d%%e\n`f`",
    "section x",
    "click y",
    "gantt",
    "",
    ":::",
    "done",
    "%%{init: {}}%%",
    "accTitle x",
  ])("of a stage %j is a chart of one task", (name) => {
    const chart = timeline([{ name: "main", stages: [at(name, 0, 100)] }]);
    const [line = "", ...more] = chart.split("\n").filter((text) => text.includes(" :"));
    expect(more).toEqual([]);
    expect(line).toMatch(/^ {4}[\p{L}\p{N} ._/()+-]+ 0\.1 s :0, 100$/u);
    expect(line.trim()).not.toMatch(/^(section|click|gantt|done|acc|%%)/i);
  });

  test("without stages there is none", () => {
    expect(timeline([{ name: "main", stages: [] }])).toBe("");
  });

  test.each([
    [500, "axisFormat %Q ms", "200millisecond"],
    [12_000, "axisFormat %s s", " 1second"],
    [61_000, "axisFormat %s s", "10second"],
    [4_000_000, "axisFormat %s s", "600second"],
  ])("of %d ms has an axis that can be read", (end, format, interval) => {
    const chart = timeline([{ name: "main", stages: [at("Nix", 0, end)] }]);
    expect(chart).toContain(format);
    expect(chart).toMatch(new RegExp(`tickInterval ${interval.trim()}\n`));
  });
});

describe("seconds won", () => {
  const comparison = { origin: undefined, stages: mainStages, job: "w/j/s", seconds: 10 };
  test("are told only where a cold start was measured, of the same job", () => {
    expect(won({ ...comparison, cold: undefined })).toBe("");
    expect(won({ ...comparison, cold: { job: "w/other/s", seconds: 90 } })).toBe("");
    const text = won({ ...comparison, cold: { job: "w/j/s", seconds: 90 } });
    expect(text).toContain("| The whole job | 90.0 s | 10.0 s | 80.0 s |");
    expect(text).not.toContain("Nix");
  });

  test("can be negative, and are told all the same", () => {
    const text = won({ ...comparison, cold: { job: "w/j/s", seconds: 9 } });
    expect(text).toContain("| 9.0 s | 10.0 s | -1.0 s |");
  });
});

test.each([
  ["podman", "default", "podman-rootless: podman"],
  ["__es-nix_podman-rootless", "default", "podman-rootless: default"],
  ["__es-nix_podman-rootless_2", "tests", "podman-rootless: tests (2)"],
  ["__self", "x", "podman-rootless: x"],
  ["", "x", "podman-rootless: x"],
])("the step %j with the cache %j has the heading %j", (action, name, heading) => {
  expect(headingOf(action, name)).toBe(heading);
});

test("the log ends with one line of what there is", () => {
  expect(readyTitle(warm.job, warm.inventory)).toBe(
    "Ready: podman 5.8.2, fuse-overlayfs, image store with 3 images, 1.0 GB, cache hit, 347.9 MB in 2 segments",
  );
  const cache = { prefix: "p+", matchedKey: "", size: 0, segments: [], cold: true };
  expect(readyTitle({ ...warm.job, cache }, { images: [], size: 0 })).toBe(
    "Ready: podman 5.8.2, fuse-overlayfs, image store with 0 images, 0 B, cache miss",
  );
});

describe("writing", () => {
  const write = async (file: string | undefined) => {
    let log = "";
    jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
      log += chunk;
      return true;
    });
    if (file === undefined) delete process.env.GITHUB_STEP_SUMMARY;
    else process.env.GITHUB_STEP_SUMMARY = file;
    // The library keeps the file's name that it has found once.
    jest.resetModules();
    const fresh: { writeSummary: typeof writeSummary } = await import("../../src/report/summary.ts");
    await fresh.writeSummary("# x\n");
    jest.restoreAllMocks();
    return log;
  };

  test("adds to the step's file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "report-"));
    const file = join(directory, "summary");
    writeFileSync(file, "before\n");
    expect(await write(file)).toBe("");
    expect(readFileSync(file, "utf8")).toMatch(/^before\n# x\n/);
    rmSync(directory, { recursive: true });
  });

  test.each([undefined, "/nowhere/summary"])("to the file %s is a warning", async (file) => {
    expect(await write(file)).toMatch(/^::warning::The job summary is not written: .+\n$/);
  });
});
