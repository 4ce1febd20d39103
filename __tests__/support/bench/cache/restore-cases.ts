import { one, type Runs, type Unpaired } from "../cases.ts";
import type { Pair } from "../statistics.ts";
import type { Aim } from "../suite.ts";
import type { Desk } from "./desk.ts";
import type { Restored } from "./requests.ts";
import { readImage, readMounted, restores } from "./sides.ts";
import type { Stored } from "./stored.ts";

type Side = keyof typeof restores;

/** Which way is compared with which; the aims are for an image of 1 GB. */
const compared: { subject: Side; peer: Side; aim?: Aim }[] = [
  { subject: "mounted by the kernel", peer: "tar and zstd", aim: { ratio: 1 / 5 } },
  { subject: "mounted by the kernel", peer: "podman load", aim: { ratio: 1 / 15 } },
  { subject: "mounted by the kernel", peer: "podman pull" },
  { subject: "mounted by squashfuse", peer: "tar and zstd" },
  { subject: "mounted by squashfuse", peer: "podman load" },
  { subject: "unpacked", peer: "tar and zstd" },
  { subject: "unpacked", peer: "podman load" },
];

/** Of each run two cases: until the store is there, and until a container has run on it. */
export function restoreCases(desk: Desk, stored: Stored): Unpaired[] {
  const { label } = stored.size;
  return compared.flatMap(({ subject, peer, aim }) => {
    // The runs of the second case are those of the first, in their order.
    const done: Record<keyof Pair, Restored[]> = { subject: [], peer: [] };
    const ways = { subject, peer };
    const restore = (side: keyof Pair) => async () => {
      const times = await restores[ways[side]](desk, stored);
      done[side].push(times);
      return times.restore;
    };
    const first = (side: keyof Pair) => async () => done[side].shift()?.first ?? Number.NaN;
    const runs = (of: typeof restore): Runs => ({ subject: of("subject"), peer: of("peer") });
    return [
      one(`restore, ${label}`, [subject, peer], runs(restore)),
      one(`restore and podman run true, ${label}`, [subject, peer], runs(first), {
        ...(aim && label === "1 GB" && { aim }),
      }),
    ];
  });
}

/** The same way with the largest image, against one of 1 GB. */
export function flatCases(desk: Desk, all: readonly Stored[]): Unpaired[] {
  const [peer, subject] = ["1 GB", "4 GB"].map((label) => all.find(({ size }) => size.label === label));
  if (peer === undefined || subject === undefined) return [];
  return (["mounted by the kernel", "mounted by squashfuse"] as const).map((way) => {
    const first = (stored: Stored) => async () => (await restores[way](desk, stored)).first;
    const runs = { subject: first(subject), peer: first(peer) };
    return one(`restore and podman run true, ${way}`, ["4 GB", "1 GB"], runs, { aim: { ratio: 1.3 } });
  });
}

export function readCases(desk: Desk, stored: Stored): Unpaired[] {
  return (["mounted by the kernel", "mounted by squashfuse"] as const).map((way) =>
    one(
      `full read, ${stored.size.label}`,
      [way, "store on disk"],
      {
        subject: () => readMounted(desk, stored, way),
        peer: () => readImage(desk, stored, stored.store),
      },
      way === "mounted by the kernel" ? { aim: { ratio: 1.3 } } : {},
    ),
  );
}
