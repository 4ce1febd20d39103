import type { Action, Finding } from "../runner/finding.ts";
import { reportLines, sentences, wrap } from "../runner/report.ts";
import { withoutSecrets } from "../secrets.ts";
import type { Examination } from "./examination.ts";

const width = 100;

/** Whether podman works here, or will once the action has done what it can. */
export const isReady = ({ plan }: Examination): boolean => firstFailure(plan.findings) === undefined;

const firstFailure = (findings: readonly Finding[]): Finding | undefined =>
  findings.find(({ verdict }) => verdict === "failed");

/** For people, and for issue reports. */
export function renderText(examination: Examination): string {
  const { findings, actions } = examination.plan;
  const doings = isReady(examination) && actions.length > 0 ? ["", ...doingLines(examination)] : [];
  const lines = [
    machineLine(examination),
    "",
    ...reportLines(findings, width),
    ...doings,
    "",
    ...wrap(verdictOf(examination), width),
  ];
  return withoutSecrets(`${lines.join("\n")}\n`);
}

function machineLine({ version, node, distribution, facts }: Examination): string {
  const { kernel, container } = facts;
  return [
    `podman-rootless ${version}`,
    `node ${node}`,
    `Linux ${kernel.release} ${kernel.architecture}`,
    distribution ?? "unknown distribution",
    ...(container === undefined ? [] : [`in a container (${container})`]),
  ].join(", ");
}

export function verdictOf({ plan }: Examination): string {
  const failure = firstFailure(plan.findings);
  if (failure !== undefined) return `podman cannot work here: ${sentences(failure)}`;
  return plan.actions.length === 0
    ? "This machine is ready."
    : "This machine will be made ready by the action.";
}

function doingLines({ plan, facts }: Examination): string[] {
  const sudo = facts.privileges.sudo === "root" ? "" : " with sudo";
  return [
    "The action would:",
    ...plan.actions.map(
      (action) => `- ${action.name}${isAsRoot(action) ? sudo : ""}; by hand: ${action.remedy}`,
    ),
  ];
}

function isAsRoot({ step }: Action): boolean {
  return step.kind === "run" ? step.asUser !== true : !["write", "copy"].includes(step.kind);
}

/** For programs: docs/doctor.md describes the fields. */
export function renderJson(examination: Examination): string {
  const { version, node, distribution, facts, plan } = examination;
  const { findings, settings } = plan;
  const report = {
    version,
    ready: isReady(examination),
    verdict: verdictOf(examination),
    node,
    distribution: distribution ?? null,
    findings: findings.map(({ name, verdict, found, cause = null, remedy = null, actions = [] }) => ({
      name,
      verdict,
      found,
      cause,
      remedy,
      actions: actions.map((action) => ({
        name: action.name,
        asRoot: isAsRoot(action),
        byHand: action.remedy,
      })),
    })),
    settings: settings === undefined ? null : { driver: settings.driver, ids: settings.ids },
    facts,
  };
  const clean = (_: string, value: unknown) => (typeof value === "string" ? withoutSecrets(value) : value);
  return `${JSON.stringify(report, clean, 2)}\n`;
}
