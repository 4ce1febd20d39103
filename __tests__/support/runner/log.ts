import { parseCommand } from "./commands.ts";

export interface Annotation {
  level: "error" | "warning" | "notice";
  message: string;
  /** file, line, title, ... as given. */
  properties: Record<string, string>;
}

/** A step's log as a person would see it: commands carried out, secrets masked. */
export interface Log {
  /** Takes a piece of output, of any length. */
  write(text: string, stream: "stdout" | "stderr"): void;
  /** Takes a last line that no newline ended. */
  end(): void;
  /** Adds an error of the runner's own. */
  error(message: string): void;
  warning(message: string): void;
  readonly annotations: Annotation[];
  /** The lines so far, each ended by a newline. */
  text(): string;
}

export interface LogOptions {
  /** The job's secrets; `::add-mask::` adds to them. */
  masks: Set<string>;
  /** Show `::debug::`. */
  debug: boolean;
  onLine?: ((line: string) => void) | undefined;
}

/** Commands that worked through standard output once; a step that still uses one is wrong. */
const DISABLED = new Set(["set-env", "add-path", "set-output", "save-state"]);

export function createLog({ masks, debug, onLine }: LogOptions): Log {
  const lines: string[] = [];
  const annotations: Annotation[] = [];
  const partial = { stdout: "", stderr: "" };
  let resume: string | undefined; // set while ::stop-commands:: holds

  const masked = (text: string) =>
    [...masks].sort((a, b) => b.length - a.length).reduce((rest, mask) => rest.replaceAll(mask, "***"), text);
  const show = (text: string) => {
    for (const line of masked(text).split("\n")) {
      lines.push(line);
      onLine?.(line);
    }
  };
  const annotate = (level: Annotation["level"], text: string, properties: Record<string, string> = {}) => {
    annotations.push({ level, message: masked(text), properties });
    show(`##[${level}]${text}`);
  };

  const take = (line: string) => {
    if (resume !== undefined) {
      if (line.trim() === `::${resume}::`) resume = undefined;
      else show(line);
      return;
    }
    const command = parseCommand(line);
    if (!command) return show(line);
    const { name, message, properties } = command;
    if (name === "add-mask") addMask(masks, message);
    else if (name === "stop-commands") resume = message;
    else if (name === "error" || name === "warning" || name === "notice") annotate(name, message, properties);
    else if (name === "debug") debug && show(`##[debug]${message}`);
    else if (name === "group" || name === "endgroup") show(`##[${name}]${message}`);
    else if (DISABLED.has(name))
      annotate("error", `The \`${name}\` command is disabled: use its environment file`);
  };

  return {
    write(text, stream) {
      const parts = (partial[stream] + text).split("\n");
      partial[stream] = parts.pop() ?? "";
      for (const line of parts) take(line.replace(/\r$/, ""));
    },
    end() {
      for (const stream of ["stdout", "stderr"] as const) {
        if (partial[stream] !== "") take(partial[stream]);
        partial[stream] = "";
      }
    },
    error: (message) => annotate("error", message),
    warning: (message) => annotate("warning", message),
    annotations,
    text: () => lines.map((line) => `${line}\n`).join(""),
  };
}

/** A secret of several lines is masked line by line too: that is how programs print it. */
function addMask(masks: Set<string>, secret: string): void {
  for (const part of [secret, ...secret.split(/\r?\n/)]) {
    if (part.trim() !== "") masks.add(part);
  }
}
