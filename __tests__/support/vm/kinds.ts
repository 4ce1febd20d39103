import type { SessionKind } from "./machine.ts";

/** A way in which runners are started. */
export interface Kind {
  title: string;
  session: SessionKind;
  /** Run as root beforehand. */
  prepare: string;
  /** As the workflow's env. */
  env: Record<string, string | undefined>;
  /** What becomes of `podman run --memory 64m`. Where no cgroup is the user's, crun ignores limits without a word. */
  limit: "64 MiB" | "ignored";
  /** The input `keep` of the job without and of the one with a cached store. */
  keep: { cold: string; warm: string };
}

const withoutSession = { XDG_RUNTIME_DIR: undefined };

/** In this order: the first finds a machine on which nothing has run, and what its second job keeps is for the others. */
export const KINDS: Kind[] = [
  {
    title: "service",
    session: "service",
    prepare: "loginctl disable-linger runner",
    env: withoutSession,
    limit: "ignored",
    keep: { cold: "false", warm: "true" },
  },
  {
    title: "lingering service",
    session: "service",
    prepare: "loginctl enable-linger runner",
    env: withoutSession,
    limit: "64 MiB",
    keep: { cold: "true", warm: "false" },
  },
  {
    title: "logged in",
    session: "login",
    prepare: "loginctl disable-linger runner",
    env: {},
    limit: "64 MiB",
    keep: { cold: "true", warm: "false" },
  },
];
