// Changes this machine as the action does. For tests, in a namespace of its own: node changes.ts REQUEST
import { applyPlan } from "../../src/runner/apply.ts";
import type { Action, Undo } from "../../src/runner/finding.ts";
import { addLine, removeLine } from "../../src/runner/password-files.ts";
import { undoAll } from "../../src/runner/undo.ts";

export type Request =
  | { kind: "apply"; actions: Action[] }
  | { kind: "undo"; undo: Undo[]; keep: boolean }
  | { kind: "lines"; file: string; add: string[]; remove: string[] };

const request = JSON.parse(process.argv[2] ?? "") as Request;
const recorded: Undo[] = [];
if (request.kind === "apply") await applyPlan(request.actions, (undo) => recorded.push(...undo));
if (request.kind === "undo") await undoAll(request.undo, request.keep);
if (request.kind === "lines") {
  for (const line of request.add) await addLine(request.file, line);
  for (const line of request.remove) await removeLine(request.file, line);
}
// After what the log has.
console.log(JSON.stringify(recorded));
