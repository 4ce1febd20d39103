import { activity, type Event, plain, result, warningLevel } from "./internal-json.ts";

/** How many of a builder's last lines Nix repeats when it failed. */
const logTail = 10;

/** What a run of Nix said, for people. */
export interface Messages {
  /** As Nix's standard error would be without `--log-format internal-json`. */
  lines: string[];
  /** Paths of derivations that are about to be built, or being built. */
  derivations: Set<string>;
  /** URLs of the binary caches that were asked. */
  substituters: Set<string>;
  /** By derivation: its builder's last lines. */
  logs: Map<string, string[]>;
  /** By activity: the derivation that it builds. */
  builds: Map<number, string>;
}

export const startMessages = (): Messages => ({
  lines: [],
  derivations: new Set(),
  substituters: new Set(),
  logs: new Map(),
  builds: new Map(),
});

/**
 * Takes a line of Nix's standard error.
 *
 * @returns the text of a warning, an error, or of what was no event
 */
export function hear(messages: Messages, line: string, event: Event | undefined): string | undefined {
  if (event === undefined) return add(messages, line);
  if (event.action === "msg") {
    const text = plain(event.msg);
    const derivation = /^ +(\/\S+\.drv)$/.exec(text)?.[1];
    if (derivation !== undefined) messages.derivations.add(derivation);
    if (event.level > warningLevel) {
      messages.lines.push(text);
      return undefined;
    }
    return add(messages, [text, ...logOf(messages, text)].join("\n"));
  }
  if (event.action === "start" && event.type === activity.build) {
    const derivation = String(event.fields?.[0] ?? "");
    messages.derivations.add(derivation);
    messages.builds.set(event.id, derivation);
    messages.logs.set(derivation, []);
  }
  if (event.action === "start" && event.type === activity.queryPathInfo) {
    messages.substituters.add(String(event.fields?.[1] ?? ""));
  }
  if (event.action === "result" && event.type === result.logLine) {
    const log = messages.logs.get(messages.builds.get(event.id) ?? "");
    log?.push(plain(String(event.fields[0] ?? "")));
    if (log !== undefined && log.length > logTail) log.shift();
  }
  return undefined;
}

function add(messages: Messages, text: string): string {
  messages.lines.push(text);
  return text;
}

/** In Nix's own form, which leaves them out where it has handed them on. */
function logOf({ logs }: Messages, error: string): string[] {
  for (const [derivation, log] of logs) {
    if (log.length === 0 || !error.includes(`'${derivation}'`)) continue;
    return [`       last ${log.length} log lines:`, ...log.map((line) => `       > ${line}`)];
  }
  return [];
}
