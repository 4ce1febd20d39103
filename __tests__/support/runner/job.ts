import { randomUUID } from "node:crypto";
import type { JobMachine } from "../machine/machine.ts";
import { type Action, inputVariables, parseAction } from "./action.ts";
import {
  fixedVariables,
  githubContext,
  NODE,
  runnerContext,
  runnerVariables,
  tempOf,
  WORK,
} from "./context.ts";
import { condition, interpolate, type Scope, type Value } from "./expressions.ts";
import { createLog, type Log } from "./log.ts";
import { endOrphans, type Orphans } from "./orphans.ts";
import { runProcess, type StepEffects } from "./step.ts";
import { type ActionStep, type RunStep, type Step, type StepResult, shellCommand } from "./workflow.ts";

export interface JobOptions {
  steps: Step[];
  /** What `uses: true` runs: a path in the machine. */
  action?: { path: string };
  /** A folder of the host, copied into the workspace as a checkout would be. */
  workspace?: string;
  /** The workflow's env; undefined removes one of the runner's. ACTIONS_* go to actions only, as the runner's own. */
  env?: Record<string, string | undefined>;
  /** Overrides of the github context, such as repository ("owner/name"), ref, event_name. */
  github?: Record<string, string>;
  /** Overrides of the runner context, such as environment ("self-hosted"). */
  runner?: Record<string, string>;
  /** Where the runner keeps its things, absolute; two on one machine need one each. Default: as a hosted runner's. */
  work?: string;
  /** github.token, masked. */
  token?: string;
  /** As with "enable debug logging". */
  debug?: boolean;
  /** Each line of the log as it comes, masked. */
  onLine?: (line: string, step: { id: string; phase: "main" | "post" }) => void;
}

export interface JobResult extends Orphans {
  outcome: "success" | "failure";
  /** All steps in order, skipped ones too, then the post steps that were due. */
  steps: StepResult[];
  /** Of the main phase, by id. Throws for an id that is not there. */
  step(id: string): StepResult;
  /** The post step of a step. Throws when none was due. */
  post(id: string): StepResult;
  seconds: number;
}

interface PostStep {
  step: ActionStep;
  action: Action;
  path: string;
  state: Map<string, string>;
}

/**
 * Runs a job on a machine as GitHub's runner does: an emptied RUNNER_TEMP, the steps, the post steps in reverse order,
 * then the end of what was left running. Rejects only when the machine itself fails.
 */
export async function runJob(machine: JobMachine, options: JobOptions): Promise<JobResult> {
  const begun = performance.now();
  const trackingId = `github_${randomUUID()}`;
  const token = options.token ?? "ghs_000000000000000000000000000000000000";
  const { work = WORK } = options;
  const temp = tempOf(work);
  const github = githubContext(token, options.github, work);
  const debug = options.debug ?? false;
  const runner = { ...runnerContext(debug, work), ...options.runner };
  const masks = new Set([token]);
  const workspace = github.workspace ?? "";
  const before = await machine.processes();

  const results: StepResult[] = [];
  const posts: PostStep[] = [];
  const stepsContext: Record<string, Value> = {};
  let status: "success" | "failure" = "success";
  let env: Record<string, string | undefined> = { ...runnerVariables, ...options.env };
  let paths: string[] = [];

  const scope = (own: Record<string, string> = {}): Scope => ({
    status,
    contexts: {
      github,
      runner,
      steps: stepsContext,
      job: { status },
      env: { ...defined(env), ...own },
      inputs: {},
      secrets: { GITHUB_TOKEN: token },
    },
  });

  /** Runs one process of a step in the job's present environment. */
  async function run(
    step: Step,
    argv: string[],
    own: Record<string, string>,
    log: Log,
  ): Promise<StepEffects> {
    const stepEnv = mapValues(step.env ?? {}, (value) => interpolate(value, scope()));
    const all = {
      ...env,
      ...stepEnv,
      ...own,
      ...fixedVariables(github, runner, trackingId),
      GITHUB_ACTION: step.id,
    };
    const visible = Object.entries(all).filter(([name]) => "uses" in step || !name.startsWith("ACTIONS_"));
    const process = {
      argv,
      env: Object.fromEntries(visible),
      paths,
      cwd: workspace,
      temp,
      timeout: step.timeout,
      log,
    };
    const effects = await runProcess(machine, process);
    env = { ...env, ...Object.fromEntries(effects.env) };
    paths = effects.paths;
    return effects;
  }

  async function runScript(step: RunStep, log: Log): Promise<StepEffects> {
    const script = `${temp}/${randomUUID()}.sh`;
    await machine.files.write(script, `${interpolate(step.run, scope(step.env))}\n`);
    const effects = await run(step, shellCommand(step.shell, script), {}, log);
    if (effects.code) log.error(`Process completed with exit code ${effects.code}.`);
    return effects;
  }

  async function runAction(step: ActionStep, log: Log): Promise<StepEffects> {
    const path = step.uses === true ? options.action?.path : step.uses.replace(/^\.(?=\/)/, workspace);
    if (path === undefined) throw new Error("uses: true, but the job names no action");
    const file = await machine.exec(["cat", `${path}/action.yml`]);
    if (file.code !== 0) throw new Error(`Can't find 'action.yml' under '${path}'.`);
    const action = parseAction(file.stdout);
    const { env: inputs, warnings } = inputVariables(action, step.with ?? {});
    for (const warning of warnings) log.warning(warning);
    const post: PostStep = { step, action, path, state: new Map() };
    if (action.post) posts.push(post); // due from now on, however main ends
    const effects = await run(step, [NODE, `${path}/${action.main}`], evaluated(inputs, step), log);
    post.state = effects.state;
    return effects;
  }

  function runPost({ step, action, path, state }: PostStep, log: Log): Promise<StepEffects> {
    const { env: inputs } = inputVariables(action, step.with ?? {});
    const own = { ...evaluated(inputs, step) };
    for (const [name, value] of state) own[`STATE_${name}`] = value;
    return run(step, [NODE, `${path}/${action.post}`], own, log);
  }

  function evaluated(inputs: Record<string, string>, step: Step): Record<string, string> {
    return mapValues(inputs, (value) => interpolate(value, scope(step.env)));
  }

  /** Runs a step, or its post, if its condition holds, and records it. */
  async function carryOut(
    step: Step,
    phase: "main" | "post",
    when: string | undefined,
    work: (log: Log) => Promise<StepEffects>,
  ) {
    const from = performance.now();
    const onLine = options.onLine && ((line: string) => options.onLine?.(line, { id: step.id, phase }));
    const log = createLog({ masks, debug, onLine });
    let effects: StepEffects | undefined;
    let outcome: StepResult["outcome"] = "skipped";
    try {
      if (condition(when, scope(step.env))) {
        outcome = "failure";
        effects = await work(log);
        if (effects.success) outcome = "success";
      }
    } catch (error) {
      outcome = "failure";
      log.error((error as Error).message);
    }
    if (outcome === "failure") status = "failure";
    const outputs = Object.fromEntries(effects?.outputs ?? []);
    if (phase === "main") stepsContext[step.id] = { outputs, outcome, conclusion: outcome };
    results.push({
      id: step.id,
      name: `${phase === "post" ? "Post " : ""}${step.name ?? step.id}`,
      phase,
      outcome,
      code: effects?.code ?? null,
      seconds: (performance.now() - from) / 1000,
      log: log.text(),
      annotations: log.annotations,
      outputs,
      summary: effects?.summary ?? "",
      outputHeld: effects?.outputHeld ?? false,
    });
  }

  await emptyTemp(machine, temp);
  await machine.files.write(`${temp}/_github_workflow/event.json`, "{}\n");
  await machine.exec(["mkdir", "-p", workspace]);
  if (options.workspace) await machine.files.copy(options.workspace, workspace);
  for (const step of options.steps) {
    await carryOut(step, "main", step.if, (log) =>
      "uses" in step ? runAction(step, log) : runScript(step, log),
    );
  }
  for (const post of posts.reverse()) {
    await carryOut(post.step, "post", post.action.postIf, (log) => runPost(post, log));
  }
  const orphans = await endOrphans(machine, before, trackingId);
  await emptyTemp(machine, temp);

  const find = (id: string, phase: "main" | "post"): StepResult => {
    const result = results.find((step) => step.id === id && step.phase === phase);
    if (!result) throw new Error(`The job has no ${phase} step '${id}'`);
    return result;
  };
  return {
    outcome: status,
    steps: results,
    step: (id) => find(id, "main"),
    post: (id) => find(id, "post"),
    seconds: (performance.now() - begun) / 1000,
    ...orphans,
  };
}

/** As the runner's user: what belongs to others stays, as it does there. */
async function emptyTemp(machine: JobMachine, temp: string): Promise<void> {
  await machine.exec(["mkdir", "-p", temp]);
  await machine.exec(["find", temp, "-mindepth", "1", "-delete"]);
}

function defined(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function mapValues(
  values: Record<string, string>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
