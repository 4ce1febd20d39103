import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A shell function for each script: `terminal STEP... -- COMMAND...`, as terminal.py says. Needs python3. */
export function terminal(): string {
  const program = readFileSync(join(import.meta.dirname, "terminal.py"), "utf8");
  return `terminal() { python3 - "$@" <<'PYTHON'\n${program}PYTHON\n}\n`;
}
