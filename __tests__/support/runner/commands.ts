/** A workflow command: `::name key=value,key=value::message`, unescaped. */
export interface Command {
  name: string;
  properties: Record<string, string>;
  message: string;
}

/** What the runner knows; any other `::word::` is plain text to it. */
const NAMES = new Set([
  "add-mask",
  "add-matcher",
  "add-path",
  "debug",
  "echo",
  "endgroup",
  "error",
  "group",
  "notice",
  "remove-matcher",
  "save-state",
  "set-env",
  "set-output",
  "stop-commands",
  "warning",
]);

/**
 * The command in a line of a step's output (actions/runner, ActionCommand.cs); undefined for plain text. The older form,
 * `##[name key=value;key=value]message`, may stand anywhere in it.
 */
export function parseCommand(line: string): Command | undefined {
  return (
    parse(/^\s*::([^\s:]+)(?:\s+(.*?))?::(.*)$/s.exec(line), ",") ??
    parse(/##\[([^\s\]]+)(?:\s+([^\]]*))?\](.*)$/s.exec(line), ";")
  );
}

function parse(match: RegExpExecArray | null, between: string): Command | undefined {
  const name = match?.[1]?.toLowerCase() ?? "";
  if (!match || !NAMES.has(name)) return undefined;
  const properties: Record<string, string> = {};
  for (const pair of (match[2] ?? "").split(between)) {
    const equals = pair.indexOf("=");
    if (equals > 0) properties[pair.slice(0, equals).trim()] = unescapeProperty(pair.slice(equals + 1));
  }
  return { name, properties, message: unescapeMessage(match[3] ?? "") };
}

function unescapeMessage(text: string): string {
  return text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
}

function unescapeProperty(text: string): string {
  return unescapeMessage(text.replaceAll("%3A", ":").replaceAll("%2C", ","));
}
