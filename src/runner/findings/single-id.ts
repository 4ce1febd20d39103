import type { Finding } from "../finding.ts";
import { ok } from "./means.ts";

/** What podman does without subordinate ids, instead of the findings that have failed for want of them. */
export function singleId(why: Finding): Finding[] {
  return [
    {
      name: "subordinate ids",
      verdict: "note",
      found: `the user's own id alone (${why.found})`,
      cause: `Containers have the user's own id alone, so that images with files of other users and programs that change user may fail (${why.cause})`,
      remedy: `${why.remedy}`,
    },
    ok("id maps", "the user itself, of one id"),
  ];
}
