import { expect, test } from "@jest/globals";
import { formFor, type Ground, type Way, wayFor } from "../../src/closure/ground.ts";

const yesNo = [true, false];
const grounds: Ground[] = (["missing", "own", "foreign"] as const).flatMap((nix) =>
  yesNo.flatMap((store) =>
    yesNo.flatMap((mounted) =>
      yesNo.flatMap((root) => yesNo.map((mounts) => ({ nix, store, mounted, root, mounts }))),
    ),
  ),
);
const cases = grounds.flatMap((ground) =>
  yesNo.flatMap((ends) => yesNo.map((hosted) => ({ ground, ends, hosted }))),
);
const waysOf = (some: (ground: Ground, ends: boolean, hosted: boolean) => boolean): Way[] => {
  const those = cases.filter(({ ground, ends, hosted }) => some(ground, ends, hosted));
  return [...new Set(those.map(({ ground, ends, hosted }) => wayFor(ground, ends, hosted)))].sort();
};

const own: Ground = { nix: "own", store: true, mounted: false, root: true, mounts: true };
const missing: Ground = { nix: "missing", store: false, mounted: false, root: true, mounts: true };

test.each<[string, Ground, boolean, boolean, Way]>([
  ["GitHub's own runner", missing, true, true, "overlay"],
  ["GitHub's own runner with a Nix of the user's", own, true, true, "overlay"],
  [
    "a container of GitHub's runner, where nothing is mounted",
    { ...missing, mounts: false },
    true,
    true,
    "into",
  ],
  ["a machine that stays, for the next job", missing, false, false, "into"],
  ["a machine that stays, with a store, for the next job", own, false, false, "into"],
  ["a machine that stays, without a store, for this job alone", missing, true, false, "overlay"],
  ["a machine that stays, with a store, for this job alone", own, true, false, "beside"],
  ["the same, where nothing can be mounted", { ...own, mounts: false }, true, false, "beside"],
  ["a store that is a mount already", { ...own, mounted: true }, true, true, "into"],
  ["a Nix of the user's without sudo", { ...own, root: false, mounts: false }, false, false, "into"],
  [
    "an empty /nix of the user's without sudo",
    { ...own, store: false, root: false, mounts: false },
    true,
    false,
    "into",
  ],
  ["no Nix and no sudo", { ...missing, root: false, mounts: false }, true, true, "home"],
  ["NixOS", { ...own, nix: "foreign" }, false, false, "beside"],
  ["NixOS without sudo", { ...own, nix: "foreign", root: false, mounts: false }, true, false, "beside"],
])("%s", (_, ground, ends, hosted, way) => {
  expect(wayFor(ground, ends, hosted)).toBe(way);
});

test.each<[string, Way[], (ground: Ground, ends: boolean, hosted: boolean) => boolean]>([
  ["another's /nix is left alone", ["beside"], ({ nix }) => nix === "foreign"],
  ["without root no /nix is made", ["home"], ({ nix, root }) => nix === "missing" && !root],
  [
    "with root there is a /nix for all",
    ["beside", "into", "overlay"],
    ({ nix, root }) => nix === "missing" && root,
  ],
  [
    "what is for the next job goes into the store",
    ["into"],
    ({ nix, root }, ends) => !ends && (nix === "own" || (nix === "missing" && root)),
  ],
  [
    "nothing is registered in a store that stays by what does not",
    ["beside"],
    ({ nix, store }, ends, hosted) => nix === "own" && store && ends && !hosted,
  ],
  [
    "nothing is mounted where nothing can be, or over another mount",
    ["beside", "home", "into"],
    ({ mounts, mounted }) => !mounts || mounted,
  ],
])("in all cases, %s", (_, ways, some) => {
  expect(waysOf(some)).toEqual(ways);
});

test("an archive is as it can be used", () => {
  for (const ground of grounds) expect(formFor(ground)).toBe(ground.mounts ? "squashfs" : "tar");
});
