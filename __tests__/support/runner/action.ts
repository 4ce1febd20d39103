import { parse } from "yaml";

/** What the runner reads of a JavaScript action's action.yml. */
export interface Action {
  name: string;
  /** Input names as written, with their defaults as written: expressions not evaluated. */
  inputs: Map<string, { default: string; deprecated?: string }>;
  /** Paths relative to the action. */
  main: string;
  post?: string;
  /** The condition of post. */
  postIf: string;
}

/** Parses action.yml. Throws, naming the reason, for an action that is no JavaScript one or has no main. */
export function parseAction(text: string): Action {
  // failsafe: every scalar is the text as written, as for the runner. `default: 1.10` is no number.
  const file = asMap(parse(text, { schema: "failsafe" }), "action.yml");
  const runs = asMap(file.runs, "runs");
  const using = String(runs.using ?? "");
  if (!/^node\d+$/.test(using)) throw new Error(`action.yml: runs.using is '${using}'. Expected node24.`);
  if (typeof runs.main !== "string") throw new Error("action.yml: runs.main is missing");
  if (runs.pre !== undefined) throw new Error("action.yml: runs.pre is not supported here");
  const inputs: Action["inputs"] = new Map();
  for (const [name, value] of Object.entries(asMap(file.inputs || {}, "inputs"))) {
    const input = asMap(value || {}, `inputs.${name}`);
    const deprecated = input.deprecationMessage;
    inputs.set(name, {
      default: String(input.default ?? ""),
      ...(deprecated === undefined ? {} : { deprecated: String(deprecated) }),
    });
  }
  return {
    name: String(file.name ?? "action"),
    inputs,
    main: runs.main,
    ...(typeof runs.post === "string" ? { post: runs.post } : {}),
    postIf: String(runs["post-if"] ?? "always()"),
  };
}

/**
 * The INPUT_* variables of a step, and the runner's warnings about its `with`. Values are not evaluated yet.
 * Names keep their hyphens: INPUT_STORAGE-DRIVER.
 */
export function inputVariables(action: Action, given: Record<string, string>) {
  const env: Record<string, string> = {};
  const warnings: string[] = [];
  const known = new Map([...action.inputs.keys()].map((name) => [name.toLowerCase(), name]));
  const values = new Map([...action.inputs].map(([name, input]) => [name, input.default]));
  const unexpected = Object.keys(given).filter((name) => !known.has(name.toLowerCase()));
  for (const [name, value] of Object.entries(given)) {
    const own = known.get(name.toLowerCase()) ?? name; // an unknown one is handed over all the same
    values.set(own, value);
    const deprecated = action.inputs.get(own)?.deprecated;
    if (deprecated) warnings.push(`Input '${own}' has been deprecated with message: ${deprecated}`);
  }
  if (unexpected.length > 0) {
    const valid = [...action.inputs.keys()].map((name) => `'${name}'`).join(", ");
    const wrong = unexpected.map((name) => `'${name}'`).join(", ");
    warnings.push(`Unexpected input(s) ${wrong}, valid inputs are [${valid}]`);
  }
  for (const [name, value] of values) env[`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`] = value;
  return { env, warnings };
}

function asMap(value: unknown, where: string): Record<string, unknown> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new Error(`action.yml: ${where} is no mapping`);
  }
  return value as Record<string, unknown>;
}
