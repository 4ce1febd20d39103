import { imageRegistryData } from "../../assets/images.ts";
import { type Desk, openDesk } from "../cache/desk.ts";
import { allSizes, largeRegistryData, quickSizes } from "../cache/images.ts";
import { flatCases, readCases, restoreCases } from "../cache/restore-cases.ts";
import { changeCases, saveCases, unchangedCases } from "../cache/save-cases.ts";
import { makeStored, type Stored } from "../cache/stored.ts";
import type { Unpaired } from "../cases.ts";
import type { Case, Open } from "../suite.ts";

/** A store that comes back as segments, against what else there is, each on the same images. */
export const open: Open = async ({ quick }) => {
  const desk = await openDesk(await (quick ? imageRegistryData() : largeRegistryData()));
  try {
    const all: Stored[] = [];
    for (const size of quick ? quickSizes : allSizes) all.push(await makeStored(desk, size));
    const cases = [
      ...all.flatMap((stored) => restoreCases(desk, stored)),
      ...flatCases(desk, all),
      ...all.flatMap((stored) => readCases(desk, stored)),
      ...all.flatMap((stored) => saveCases(desk, stored)),
      ...all.flatMap((stored) => unchangedCases(desk, stored)),
      ...all.flatMap((stored) => changeCases(desk, stored)),
    ];
    const pairs = (one: Unpaired): Case => ({
      ...one,
      pairs: one.unit === "MB" || quick ? 1 : one.name.includes("4 GB") ? 3 : 5,
      // Nothing is warm before what begins cold, and the rest was run once to make the stores.
      warmUps: 0,
    });
    return { facts: await facts(desk, all), cases: cases.map(pairs), close: () => desk.close() };
  } catch (error) {
    await desk.close();
    throw error;
  }
};

async function facts(desk: Desk, all: readonly Stored[]): Promise<string[]> {
  const [first] = all;
  if (first === undefined) return [];
  const format =
    "podman {{.Version.Version}}, store driver overlay with fuse-overlayfs, {{.Host.OCIRuntime.Name}}";
  return [
    await desk.sh(`at ${first.store} exec podman info --format '${format}'`),
    `${await desk.sh(`at ${first.store} exec mksquashfs -version | head -n 1`)}; ${await desk.sh("zstd --version")}`,
  ];
}
