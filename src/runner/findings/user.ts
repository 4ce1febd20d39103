import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { type Means, ok } from "./means.ts";

/** Who runs podman. sudo and newuidmap serve nobody without a name; root does without both. */
export function user({ user: { uid, name } }: Facts, allowSingleId: boolean, means: Means): Finding {
  if (name !== undefined) return ok("user", `${name} (uid ${uid})`);
  const found = `uid ${uid}, without a name`;
  if (means.obstacle === undefined || uid === 0 || allowSingleId) return ok("user", found);
  return {
    name: "user",
    verdict: "failed",
    found,
    cause: `The uid ${uid} is not in /etc/passwd, so that neither sudo nor newuidmap serves it`,
    remedy: `Add it beforehand: useradd --uid ${uid} runner (in the image of a container), or use a user that is there`,
  };
}

/** Where Nix and podman keep small files of the user's; the image store may be elsewhere. */
export function home({ user: { home, homeWritable }, storage }: Facts): Finding {
  if (homeWritable === true) return ok("home", home);
  const found = `${home}, not writable`;
  // The store's own finding says the same of it.
  if (storage.writable !== true) return ok("home", found);
  return {
    name: "home",
    verdict: "hint",
    found,
    cause: `The home directory ${home} cannot be written to (${homeWritable.error})`,
    remedy: "Set HOME to a directory of the user's own if Nix or podman complain of it",
  };
}
