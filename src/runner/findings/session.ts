import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { ok } from "./means.ts";

const name = "session";

/** Where the environment keeps its state: enter.sh takes the first that is the user's own. */
export function session({
  session: { runtimeDirectory, ...rest },
  user: { uid, name: user },
}: Facts): Finding {
  const own = `/run/user/${uid}`;
  const directory =
    runtimeDirectory !== undefined && rest.runtimeUsable
      ? runtimeDirectory
      : rest.defaultUsable
        ? own
        : `/tmp/podman-rootless-${uid}`;
  const found = `${directory}, ${rest.bus === undefined ? "no bus" : "with a bus"}`;
  if (directory !== own || rest.linger !== false) return ok(name, found);
  return {
    name,
    verdict: "hint",
    found: `${found}, no linger`,
    cause: `${own} goes with the user's last login, and with it podman's containers: lingering is off`,
    remedy: `Run beforehand: sudo loginctl enable-linger ${user ?? uid}`,
  };
}
