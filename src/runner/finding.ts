/** What doctor shows a line of, and the plan is made of: one thing that podman needs, and how it stands. */
export interface Finding {
  /** What it is about, such as "subordinate ids". */
  name: string;
  /**
   * `ok`: there. `change`: missing, and the actions bring it. `note`: podman works, with a cost that `cause` names. `hint`:
   * the same of a cost that most jobs never meet, such as limits that are refused: not worth a warning.
   * `failed`: podman cannot work, and nothing here can change that.
   */
  verdict: "ok" | "change" | "note" | "hint" | "failed";
  /** How it is, in a few words for the table, such as "runner:100000:65536". */
  found: string;
  /** Of `note`, `hint` and `failed`: one sentence without a full stop. */
  cause?: string;
  /** Of `note`, `hint` and `failed`: what to do about it, in one sentence without a full stop. */
  remedy?: string;
  /** Of `change`: in order. */
  actions?: Action[];
}

/** One change of the machine. Done twice, it is as done once. */
export interface Action {
  /** What it is for, as the log says it, such as "Load the kernel's FUSE". */
  name: string;
  step: Step;
  /** By hand, such as "sudo modprobe fuse"; for the error when it fails. */
  remedy: string;
  /** Where it may fail: the log says so, and what comes after copes. */
  optional?: boolean;
  /** What takes it back, recorded before the action is done; undone from last to first. */
  undo?: Undo[];
  /** Files that it may leave as root. Those that are not there before are removed again, at the time of `undo`. */
  leaves?: { paths: string[]; when: Undo["when"] };
}

export type Step =
  /** Program and arguments; as root, that is by sudo where the user is not root, unless `asUser`. */
  | { kind: "run"; command: [string, ...string[]]; asUser?: boolean }
  /** A file of the user's own, with what directories above it are missing. */
  | { kind: "write"; path: string; text: string }
  /** A copy of a program, looked for on PATH, for the user alone. */
  | { kind: "copy"; program: string; to: string }
  /**
   * A character device that everybody may open, made where it is missing. How it was before is looked up when it is
   * done, and always brought back.
   */
  | { kind: "device"; path: string; major: number; minor: number }
  /** A line in these files, under the lock of the programs that edit them; for machines without usermod(8). */
  | { kind: "subordinate-ids"; files: SubordinateFile[]; line: string };

export type SubordinateFile = "/etc/subuid" | "/etc/subgid";

/** Takes back what an action did. Done twice, or where the action was not done after all, it does no harm. */
export interface Undo {
  /** As the log says it, such as "Unload the AppArmor profile". */
  name: string;
  step:
    | Step
    /** A file of the user's own. */
    | { kind: "remove"; path: string }
    | { kind: "remove-subordinate-ids"; files: SubordinateFile[]; line: string };
  /**
   * `always`: post does it. `unless-kept`: post does it with the input `keep: false`; otherwise the next job of a
   * self-hosted machine finds it there.
   */
  when: "always" | "unless-kept";
}
