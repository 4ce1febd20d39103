/**
 * Reads what a step wrote to GITHUB_OUTPUT, GITHUB_ENV or GITHUB_STATE: lines of `NAME=value`, or `NAME<<DELIMITER`,
 * the value's lines, `DELIMITER`. Later entries win. Throws in the runner's own words where it would fail the step
 * (actions/runner, FileCommandManager.cs).
 */
export function parseKeyValues(text: string): Map<string, string> {
  const values = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    if (line === "") continue;
    const equals = line.indexOf("=");
    const heredoc = line.indexOf("<<");
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      if (equals === 0) throw new Error(`Invalid format '${line}'. Name must not be empty`);
      values.set(line.slice(0, equals), line.slice(equals + 1));
    } else if (heredoc >= 0) {
      const name = line.slice(0, heredoc);
      const delimiter = line.slice(heredoc + 2);
      if (name === "" || delimiter === "") {
        throw new Error(`Invalid format '${line}'. Name must not be empty and delimiter must not be empty`);
      }
      const end = lines.indexOf(delimiter, index + 1);
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${delimiter}'`);
      values.set(name, lines.slice(index + 1, end).join("\n"));
      index = end;
    } else {
      throw new Error(`Invalid format '${line}'`);
    }
  }
  return values;
}

/** Reads GITHUB_ENV: {@link parseKeyValues}, less what the runner does not let a step set. */
export function parseEnv(text: string): Map<string, string> {
  const values = parseKeyValues(text);
  for (const name of values.keys()) {
    if (name.toUpperCase() === "NODE_OPTIONS") {
      throw new Error(`Can't store ${name} output parameter using '$GITHUB_ENV' command.`);
    }
  }
  return values;
}

/** Reads GITHUB_PATH and puts its lines before `paths`, the last line first; none is there twice. */
export function prependPaths(text: string, paths: string[]): string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== "")
    .reduce((before, line) => [line, ...before.filter((path) => path !== line)], paths);
}
