import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../assets/cache.ts";

/** The prefix (it holds bin/node) of a node 24 as the runner brings its own. Throws when there is none yet. */
export function node24(): string {
  const prefix = join(cacheFolder(), "node24");
  if (!existsSync(join(prefix, "bin/node")))
    throw new Error(`No node 24 in ${prefix}. Run script/bootstrap.`);
  return prefix;
}
