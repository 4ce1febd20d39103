/** A check's outcome: how long it took or what was seen, or what is wrong. */
export interface Check {
  name: string;
  /** The column that it stands in, such as "logged in". */
  column: string;
  /** For the table, such as "12.3 s". */
  seen: string;
  /** Empty: it passed. */
  problem: string;
}

export interface Checks {
  /** Notes what was seen and what is wrong with it; `false`, or an empty text: nothing. */
  note(name: string, seen: string, problem: string | false): void;
}

/** Collects a column's checks, each told to `onCheck` as it comes. */
export function startColumn(column: string, checks: Check[], onCheck: (check: Check) => void): Checks {
  return {
    note: (name, seen, problem) => {
      const check = { name, column, seen, problem: problem || "" };
      checks.push(check);
      onCheck(check);
    },
  };
}

/** A table of Markdown with a line for each check and a column for each column, then what is wrong. */
export function renderChecks(checks: readonly Check[]): string {
  const columns = [...new Set(checks.map(({ column }) => column))];
  const names = [...new Set(checks.map(({ name }) => name))];
  const cell = (name: string, column: string) => {
    const check = checks.find((one) => one.name === name && one.column === column);
    if (check === undefined) return "";
    return check.problem === "" ? check.seen || "ok" : `FAILED${check.seen && `: ${check.seen}`}`;
  };
  const rows = [
    ["", ...columns],
    ...names.map((name) => [name, ...columns.map((column) => cell(name, column))]),
  ];
  const widths = rows[0]?.map((_, index) => Math.max(3, ...rows.map((row) => row[index]?.length ?? 0))) ?? [];
  const line = (cells: string[]) =>
    `| ${cells.map((text, index) => text.padEnd(widths[index] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const problems = checks.filter(({ problem }) => problem !== "");
  return [
    line(head),
    line(widths.map((width) => "-".repeat(width))),
    ...body.map(line),
    ...problems.map(({ name, column, problem }) => `\n${column}: ${name}:\n${problem}`),
  ].join("\n");
}
