import { getState, saveState } from "@actions/core";
import type { CachedStore } from "./cache/bring-back.ts";
import type { CachedClosure } from "./closure/save.ts";
import type { Environment } from "./environment/environment.ts";
import type { CacheInputs } from "./inputs.ts";
import type { StageTime } from "./log.ts";
import type { JobReport, SummaryWish } from "./report/report.ts";
import type { Undo } from "./runner/finding.ts";
import type { Service } from "./service/service.ts";
import type { CachedTree } from "./volumes/restore.ts";

/** What post needs to know. Each part is saved before the side effect that post has to end or undo. */
export interface State {
  /** Set as soon as main has begun, by which the bundle knows that it runs as post. */
  started: boolean;
  /** What takes back the changes of the machine, in the order in which they were made. */
  undo?: Undo[];
  /** When main began, in milliseconds since 1970. */
  begun?: number;
  /** Main's stages. */
  stages?: readonly StageTime[];
  /** How the job summary is to be written; absent: it is not, or has been. */
  summary?: SummaryWish | undefined;
  /** What main tells of itself; absent: it has failed. */
  job?: JobReport;
  /** Whether what a next job can use stays on the machine. */
  keep?: boolean;
  environment?: Environment;
  /** Whether the image store ends with the environment. */
  erase?: boolean;
  /** Directories that end with the environment, too. */
  litter?: string[];
  /** How to save what follows. */
  settings?: CacheInputs;
  /** Absent when the cache is off or this podman cannot use it. */
  cache?: CachedStore;
  /** Absent when the environment's store paths are not to be saved: the cache has them, or is off. */
  closure?: CachedClosure;
  /** Ids of the images that the step named. */
  named?: string[];
  /** Absent when no cache mounts or volumes are to be saved. */
  volumes?: CachedTree[];
  /** Absent when the input `socket` is false, and when an earlier step's service runs already. */
  service?: Service;
}

export const loadState = (): State => JSON.parse(getState("state") || '{"started":false}') as State;

let state: State = { started: false };

/** What was remembered in this process. */
export const remembered = (): State => state;

/** Lays `part` over what was saved before; the runner keeps the last value of a state. */
export function remember(part: Partial<State>): void {
  state = { ...state, ...part };
  saveState("state", JSON.stringify(state));
}

/** Adds to what post takes back. */
export const rememberUndo = (undo: readonly Undo[]): void =>
  remember({ undo: [...(state.undo ?? []), ...undo] });
