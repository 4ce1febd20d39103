import { join } from "node:path";
import type { Beside } from "./beside.ts";
import { type ClosureSearch, findLocked } from "./closure/find.ts";
import { useClosure, type Warm } from "./closure/job.ts";
import type { RecordUndo } from "./closure/mount.ts";
import type { ClosureRequest, Plan } from "./closure/plan.ts";
import type { LockedFlake } from "./flake/resolve.ts";
import { buildRootfs, type Rootfs } from "./flake/rootfs.ts";
import { stage } from "./log.ts";
import { type Nix, offerNix, provideNix } from "./nix/nix.ts";
import { ownDirectory } from "./place.ts";

/** An FHS root with podman in it, and the Nix whose store it is in. */
export interface Provision {
  nix: Nix;
  rootfs: Rootfs;
  /** As {@link Environment.nix}. */
  directory: string | undefined;
  /** Where both are from the cache, or from an earlier job on this machine. */
  warm?: Warm;
  /** How to save them for a next job; undefined: they are not new, or are not to be cached. */
  plan?: Plan | undefined;
}

/** Brings Nix and the FHS root back from the cache; or else installs the one, and builds the other with it. */
export async function provideRootfs(
  looking: Beside<ClosureSearch | undefined>,
  request: ClosureRequest & { tools: string | undefined },
  recordUndo: RecordUndo,
): Promise<Provision> {
  const own = ownDirectory();
  const places = { ...request, own, settings: join(request.home, "nix") };
  const [search, warm] = await stage("Closure", async () => {
    const found = await looking.join();
    return [found, found && (await useClosure(found, recordUndo))] as const;
  });
  if (warm !== undefined) {
    return { ...warm, directory: warm.directory, nix: await offerNix(warm.nix, request.nix, places), warm };
  }
  const nix = await stage("Nix", () => provideNix(request.nix, places));
  // A branch, say: only now it is known what it is.
  const late: { search?: ClosureSearch | undefined; warm?: Warm | undefined } = { search };
  const cached = async (flake: LockedFlake): Promise<Rootfs | undefined> => {
    if (search === undefined || search.plan !== undefined) return undefined;
    late.search = await findLocked(search, nix, flake);
    late.warm = late.search && (await useClosure(late.search, recordUndo));
    return late.warm?.rootfs;
  };
  const rootfs = await stage("Flake", () => buildRootfs(nix, { ...request, own, cached }));
  if (late.warm !== undefined)
    return { nix, rootfs, directory: late.warm.directory ?? nix.directory, warm: late.warm };
  return { nix, rootfs, directory: nix.directory, plan: late.search?.plan };
}
