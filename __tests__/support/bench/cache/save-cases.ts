import { one, type Unpaired } from "../cases.ts";
import type { Pair } from "../statistics.ts";
import type { Desk } from "./desk.ts";
import { postUnchanged, type Saved, saveArchive, saveSegment, saveTar } from "./sides.ts";
import type { Change, Stored } from "./stored.ts";

const mb = { unit: "MB" } as const;
const milliseconds = (save: () => Promise<Saved>) => async () => (await save()).milliseconds;
const megabytes = (bytes: number) => async () => bytes / 1e6;

export function saveCases(desk: Desk, stored: Stored): Unpaired[] {
  const { label } = stored.size;
  const { store, image, bytes } = stored;
  const subject = milliseconds(() => saveSegment(desk, store, []));
  const tar = milliseconds(() => saveTar(desk, store));
  const archive = milliseconds(() => saveArchive(desk, store, image));
  const ours = megabytes(bytes.segment);
  return [
    one(`save everything, ${label}`, ["segment", "tar and zstd"], { subject, peer: tar }),
    one(`save everything, ${label}`, ["segment", "podman save and zstd"], { subject, peer: archive }),
    one(
      `stored, everything, ${label}`,
      ["segment", "tar and zstd"],
      { subject: ours, peer: megabytes(bytes.tarball) },
      mb,
    ),
    one(
      `stored, everything, ${label}`,
      ["segment", "podman save and zstd"],
      { subject: ours, peer: megabytes(bytes.archive) },
      mb,
    ),
  ];
}

/** What others do for a store without anything new: they save it again. */
export function unchangedCases(desk: Desk, stored: Stored): Unpaired[] {
  const { label } = stored.size;
  let bytes = Number.NaN;
  const subject = async () => {
    const post = await postUnchanged(desk, stored);
    bytes = post.bytes;
    return post.milliseconds;
  };
  const peer = milliseconds(() => saveTar(desk, stored.store));
  const sides = ["post", "tar and zstd"] as const;
  return [
    one(`save nothing new, ${label}`, sides, { subject, peer }, { aim: { value: 300 } }),
    one(
      `stored, nothing new, ${label}`,
      sides,
      { subject: async () => bytes / 1e6, peer: megabytes(stored.bytes.tarball) },
      { ...mb, aim: { value: 0 } },
    ),
  ];
}

/** A layer of 40 MB on top. */
export function changeCases(desk: Desk, stored: Stored): Unpaired[] {
  const { label } = stored.size;
  const last: Record<keyof Pair, number> = { subject: Number.NaN, peer: Number.NaN };
  const save = (side: keyof Pair, run: (change: Change) => Promise<Saved>) => async () => {
    const { milliseconds, bytes } = await run(await stored.changed());
    last[side] = bytes;
    return milliseconds;
  };
  const subject = save("subject", ({ store }) => saveSegment(desk, store, [stored.segment.digest]));
  const peer = save("peer", ({ image }) => saveArchive(desk, stored.store, image));
  const stores = (side: keyof Pair) => async () => last[side] / 1e6;
  const own = async () => (await stored.changed()).bytes / 1e6;
  return [
    one(
      `save 40 MB more, ${label}`,
      ["segment", "podman save and zstd"],
      { subject, peer },
      label === "1 GB" ? { aim: { ratio: 1 / 20 } } : {},
    ),
    one(
      `stored, 40 MB more, ${label}`,
      ["segment", "podman save and zstd"],
      { subject: stores("subject"), peer: stores("peer") },
      mb,
    ),
    one(
      `stored, 40 MB more, ${label}`,
      ["segment", "its files, compressed"],
      { subject: stores("subject"), peer: own },
      {
        ...mb,
        aim: { ratio: 1.1 },
      },
    ),
  ];
}
