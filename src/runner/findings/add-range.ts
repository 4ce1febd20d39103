import type { Facts } from "../facts.ts";
import type { Action, SubordinateFile, Undo } from "../finding.ts";
import { formatRange, formatSpan, type Range } from "../subordinate-ids.ts";

/** Adds a range to the files: by usermod(8), which locks them, or where it cannot, as it does. */
export function addRange(facts: Facts, range: Range, files: SubordinateFile[]): Action[] {
  const { uids, gids } = facts.subordinate;
  const there = { "/etc/subuid": uids !== undefined, "/etc/subgid": gids !== undefined };
  const give = facts.subordinate.usermod && facts.user.name ? byUsermod : byLine;
  return [
    ...files.filter((file) => !there[file]).map(makeFile),
    give(range, files, facts.subordinate.usermod ?? "usermod"),
  ];
}

/** usermod says that /etc/subuid does not exist, and does nothing. */
function makeFile(file: SubordinateFile): Action {
  return {
    name: `Make ${file}`,
    // Unlike install or tee, it leaves alone what somebody else has made meanwhile.
    step: { kind: "run", command: ["touch", file] },
    remedy: `sudo touch ${file}`,
    undo: [
      {
        name: `Remove ${file}, if it is empty`,
        step: {
          kind: "run",
          command: ["find", file, "-maxdepth", "0", "-type", "f", "-empty", "-delete"],
        },
        when: "unless-kept",
      },
    ],
  };
}

const options = { "/etc/subuid": "subuids", "/etc/subgid": "subgids" } as const;

function byUsermod(range: Range, files: SubordinateFile[], usermod: string): Action {
  const given = files.flatMap((file) => [`--add-${options[file]}`, formatSpan(range)]);
  return {
    name: nameOf(range),
    step: { kind: "run", command: [usermod, ...given, range.owner] },
    remedy: ["sudo usermod", ...given, range.owner].join(" "),
    undo: [removeRange(range, files)],
    // Copies of before, which usermod makes.
    leaves: { paths: files.map((file) => `${file}-`), when: "unless-kept" },
  };
}

/** Not by usermod(8), which takes no ids from a user who has processes, as the one whose job this is. */
const removeRange = (range: Range, files: SubordinateFile[]): Undo => ({
  name: `Take the subordinate ids ${formatSpan(range)} from ${range.owner}`,
  step: { kind: "remove-subordinate-ids", files, line: formatRange(range) },
  when: "unless-kept",
});

const nameOf = (range: Range): string => `Give ${range.owner} the subordinate ids ${formatSpan(range)}`;

function byLine(range: Range, files: SubordinateFile[]): Action {
  const line = formatRange(range);
  return {
    name: nameOf(range),
    step: { kind: "subordinate-ids", files, line },
    remedy: `echo ${line} | sudo tee -a ${files.join(" ")}`,
    undo: [removeRange(range, files)],
  };
}
