import { expect, test } from "@jest/globals";
import { parse } from "yaml";
import { nameOf, wholeWorkflow } from "../../script/workflows.ts";
import { documents, fencesOf, filesIn, readText } from "../support/documents.ts";

const steps = "steps:\n  - run: echo $" + "{{ matrix.os }}\n";

test("a snippet becomes a workflow, and a workflow stays as it is", () => {
  for (const snippet of [steps, "- run: id\n", "- uses: ./\n  id: a\n"]) {
    const { jobs } = parse(wholeWorkflow(snippet) ?? "");
    expect(jobs.job.steps).toHaveLength(1);
  }
  expect(parse(wholeWorkflow(steps) ?? "").jobs.job.strategy.matrix).toEqual({ os: ["a", "b"] });
  expect(wholeWorkflow("on: push\njobs: {}\n")).toBe("on: push\njobs: {}\n");
  expect(wholeWorkflow("a: 1\n")).toBeUndefined();
});

test("each block of YAML that documents have is linted, under a name of its own", () => {
  const blocks = documents.flatMap(fencesOf).filter(({ language }) => language === "yaml");
  expect(blocks.filter(({ text }) => wholeWorkflow(text) === undefined)).toEqual([]);
  expect(new Set(blocks.map(nameOf)).size).toBe(blocks.length);
});

test("actions in .github/ are pinned to a commit, with the version beside it", () => {
  const uses = filesIn(".github/workflows").flatMap((file) => readText(file).match(/uses: .*/g) ?? []);
  expect(uses.length).toBeGreaterThan(5);
  for (const use of uses) expect(use).toMatch(/^uses: (\.\/|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
});

test("one version of each linter is named", () => {
  const installed = readText("script/bootstrap").match(/^install_(actionlint|zizmor) [\d.]+$/gm) ?? [];
  const wanted = installed.map((line) => line.replace("install_", "").replace(" ", "-"));
  expect(wanted).toHaveLength(2);
  for (const name of wanted) expect(readText("script/workflows")).toContain(`/${name}/`);
});
