import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { parse } from "yaml";
import { documents, fencesIn, fencesOf, filesIn, readText } from "../support/documents.ts";
import { loadWith, readActionFile } from "../support/inputs.ts";

/** What is read of a step. */
interface Step {
  uses?: string;
  run?: string;
  id?: string;
  with?: Record<string, unknown>;
}

const { inputs, outputs } = readActionFile();

/** The jobs' steps of a workflow, of a snippet that begins with `steps:`, or of one that is a list of steps. */
function stepsOf(yaml: string): Step[][] {
  const value: unknown = parse(yaml);
  if (Array.isArray(value)) return [value as Step[]];
  const { on, jobs, steps } = value as {
    on?: unknown;
    jobs?: Record<string, { steps?: Step[] }>;
    steps?: Step[];
  };
  if (steps !== undefined && Object.keys(value as object).length === 1) return [steps];
  if (on === undefined || jobs === undefined) throw new Error("neither a workflow nor steps");
  return Object.values(jobs).map((job) => job.steps ?? []);
}

const isOurs = ({ uses = "" }: Step) => uses.startsWith("es-nix/podman-rootless@") || uses.startsWith("./");

/** Outputs that are named, by the id of the step that has them. */
const namedOutputs = (yaml: string) =>
  [...yaml.matchAll(/steps\.([\w-]+)\.outputs\.([\w-]+)/g)].map(([, id = "", name = ""]) => ({ id, name }));

const fences = documents
  .flatMap(fencesOf)
  .filter(({ language }) => ["yaml", "yml"].includes(language))
  .map(({ document, line, text }) => ({ where: `${document}:${line}`, text }));

/** Whole workflows: those that are examples, and this repository's own. */
const workflows = [...filesIn("examples"), ...filesIn(".github/workflows")]
  .filter((file) => file.endsWith(".yml") && file !== "examples/zizmor.yml")
  .map((file) => ({ where: file, text: readText(file) }));
const all = [...fences, ...workflows];

beforeEach(() => {
  // A token that is an input is masked, by a line in the log.
  jest.spyOn(process.stdout, "write").mockReturnValue(true);
});

afterEach(() => {
  jest.restoreAllMocks();
});

test("each example is in the table of examples, and is explained at its top", () => {
  const examples = workflows.filter(({ where }) => where.startsWith("examples/"));
  expect(examples.length).toBeGreaterThan(5);
  for (const { where, text } of examples) {
    expect(readText("examples/README.md")).toContain(`](${where.replace("examples/", "")})`);
    expect(text).toMatch(/^# .{40,}\n(# .*\n)+name: /);
  }
});

test("blocks are found, indented ones too", () => {
  const [first, second] = fencesIn("a\n```yaml\nb: 1\n```\n- c\n\n  ```sh\n  d\n    e\n  ```\n", "x.md");
  expect(first).toEqual({ document: "x.md", language: "yaml", text: "b: 1\n", line: 2 });
  expect(second).toEqual({ document: "x.md", language: "sh", text: "d\n  e\n", line: 7 });
  expect(fences.length).toBeGreaterThan(10);
});

test.each(all)("$where is a workflow, or steps", ({ text }) => {
  for (const step of stepsOf(text).flat()) expect("uses" in step !== "run" in step).toBe(true);
});

test.each(all)("$where gives this action inputs that it has, with values that it takes", ({ text }) => {
  for (const { with: given = {} } of stepsOf(text).flat().filter(isOurs)) {
    expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
    // What an expression comes to is not known here.
    const values = Object.entries(given)
      .map(([name, value]) => [name, String(value)] as const)
      .filter(([, value]) => !value.includes("$" + "{{"));
    expect(() => loadWith(Object.fromEntries(values))).not.toThrow();
  }
});

test.each(all)("$where names outputs of steps that it has", ({ text }) => {
  const steps = stepsOf(text).flat();
  for (const { id, name } of namedOutputs(text)) {
    const step = steps.find((one) => one.id === id);
    expect({ id, step }).toEqual({ id, step: expect.anything() });
    if (step && isOurs(step)) expect(Object.keys(outputs)).toContain(name);
  }
});
