/** What Nix says with `--log-format internal-json`, one object a line; the numbers are those of its logging.hh. */
export type Event =
  | { action: "msg"; level: number; msg: string }
  | { action: "start"; id: number; type: number; text: string; fields?: (string | number)[] }
  | { action: "stop"; id: number }
  | { action: "result"; id: number; type: number; fields: (string | number)[] };

/** Kinds of activities; the same in all versions from 2.8 on. */
export const activity = {
  copyPath: 100,
  fileTransfer: 101,
  copyPaths: 103,
  builds: 104,
  build: 105,
  substitute: 108,
  queryPathInfo: 109,
} as const;

/** Kinds of results. */
export const result = { logLine: 101, phase: 104, progress: 105, expected: 106 } as const;

/** Levels of messages: 0 errors, 1 warnings, more is talk. */
export const warningLevel = 1;

const prefix = "@nix ";

/** The event of a line; undefined for a line that is text, of a builder or of a program that Nix runs. */
export function parseEvent(line: string): Event | undefined {
  if (!line.startsWith(prefix)) return undefined;
  try {
    return JSON.parse(line.slice(prefix.length)) as Event;
  } catch {
    return undefined;
  }
}

/** Without the sequences that colour it for a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin with the control character ESC
export const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");

/** Such as "podman-5.8.2", of "/nix/store/HASH-podman-5.8.2.drv" or of its output. */
export const nameOf = (storePath: string): string =>
  storePath.replace(/^.*\/[0-9a-z]{32}-/, "").replace(/\.drv$/, "");
