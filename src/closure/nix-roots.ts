import { realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Nix } from "../nix/find.ts";
import type { ClosureRecord } from "./record.ts";
import { nameOf } from "./registration.ts";

/** The store paths that an installed Nix is made of, and its certificates; undefined where it is not in the store. */
export async function nixRoots({ bin, version }: Nix): Promise<ClosureRecord["nix"]> {
  const program = storePathOf(await realpath(join(bin, "nix")).catch(() => ""));
  if (program === undefined) return undefined;
  const certificates = storePathOf(process.env.NIX_SSL_CERT_FILE ?? "");
  return {
    version,
    bin: join(program, "bin"),
    roots: [program, ...(certificates === undefined ? [] : [certificates])],
  };
}

function storePathOf(path: string): string | undefined {
  const store = path.split("/").slice(0, 4).join("/");
  return nameOf(store) === undefined ? undefined : store;
}
