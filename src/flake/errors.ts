import { statfsSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { formatBytes } from "../log.ts";
import { type Nix, onMachine } from "../nix/find.ts";

/** In the order in which they are looked for: of what is said of one failure, the first says most. */
const remedies: readonly [RegExp, string][] = [
  [
    /HTTP error (403|429)|returned error: (403|429)/,
    "Give github-token: without one GitHub limits requests.",
  ],
  [
    /HTTP error (401|404)|returned error: (401|404)|could not read Username|repository '.*' not found|Permission denied \(publickey/i,
    "There is no such repository or revision, or it is private: then give a github-token that may read it.",
  ],
  [
    /could ?n[o']t (resolve|connect)|failed to connect|timeout was reached|network is unreachable/i,
    "Check the runner's network, and its proxy.",
  ],
  [/does not appear to be a git repository|Git repository .* does not exist/, "Check the reference's path."],
  [
    /object not found|revspec .* not found|unknown revision|couldn't find remote ref|not our ref|bad object|unable to read tree|cannot find Git revision/i,
    "There is no such revision: check the reference's rev or ref.",
  ],
  [
    /flake\.nix['"]?( does not exist|: No such file| is missing)|-source\/\S+['"]?: No such file|does not contain a '?\S*flake\.nix/,
    "There is no flake.nix at that place: ?dir=DIRECTORY at the reference's end says where below it.",
  ],
  [
    /is required to build '|platform mismatch|unsupported system|is not available on the requested hostPlatform|Refusing to evaluate package .* not available on/i,
    "It is not for this machine's system: name another package with flake: REFERENCE#ATTRIBUTE.",
  ],
];

const full = /No space left on device|database or disk is full/;

/**
 * One line of what was tried, of what Nix said, the error rather than the trace, and of what to do about it.
 *
 * @param stderr as text, see `tryNix`
 * @param nix whose store may be full
 */
export function flakeError(what: string, stderr: string, nix: Pick<Nix, "directory"> = {}): Error {
  const remedy = remedies.find(([pattern]) => pattern.test(stderr))?.[1];
  const hint = full.test(stderr) ? spaceLeft([onMachine(nix, "/nix"), tmpdir(), homedir()]) : remedy;
  const reason = reasonOf(stderr);
  return new Error(
    `${what}: ${reason}${hint === undefined ? "" : `${/[.!?]$/.test(reason) ? "" : "."} ${hint}`}`,
  );
}

/** Nix's error in one line: the last that is not about what only depended on something else. */
function reasonOf(stderr: string): string {
  // Git says the reason, and Nix that Git failed.
  const git = /^fatal: (?!Refusing to point)(.*)$/m.exec(stderr)?.[1];
  if (git !== undefined) return git;
  const errors = stderr
    .split(/^\s*error:/m)
    .slice(1)
    .filter((text) => /\S/.test(text.split("\n")[0] ?? "") && !/dependenc(y|ies) (failed|of)/.test(text));
  const error = errors.at(-1);
  if (error === undefined) return linesOf(stderr).slice(-3).join(" ");
  const lines = linesOf(error);
  const [first = ""] = lines;
  const place = lines.find((line) => /^at \S+:\d+:\d+:$/.test(line));
  const cause = lines.find((line) => line.startsWith("Reason: "));
  const forge = /"message":\s*"([^"]+)"/.exec(error)?.[1];
  const log = lines.filter((line) => line.startsWith("> ")).slice(-3);
  return [
    first.replace(/^Failed to open archive \(Source threw exception: error: (.*?)\)?$/, "$1"),
    ...(cause === undefined ? [] : [cause.replace(/\.$/, "")]),
    ...(forge === undefined ? [] : [`(${forge.replace(/\.$/, "")})`]),
    ...(place === undefined ? [] : [place.replace(/\/\S*\/[0-9a-z]{32}-source\//, "").replace(/:$/, "")]),
    ...(log.length === 0 ? [] : [`, and its last lines: ${log.map((line) => line.slice(2)).join("; ")}`]),
  ]
    .join(" ")
    .replaceAll(" , ", ", ");
}

const linesOf = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** How much there is at these places, for this user. */
function spaceLeft(directories: readonly string[]): string {
  const places = [...new Set(directories)].flatMap((directory) => {
    try {
      const { bavail, bsize } = statfsSync(directory);
      return [`${formatBytes(bavail * bsize)} at ${directory}`];
    } catch {
      return [];
    }
  });
  return `Make room: there is ${places.join(", ")}.`;
}
