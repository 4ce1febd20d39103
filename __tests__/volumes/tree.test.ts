import { expect, test } from "@jest/globals";
import { fileNameOf, treesOf } from "../../src/volumes/tree.ts";

const request = { name: "default", system: "x86_64-linux", podmanVersion: "5.4.2" } as const;
const prefixes = (cacheMounts: boolean, cacheVolumes: string[], name = "default") =>
  treesOf({ ...request, cacheMounts, cacheVolumes, name }).map(({ prefix }) => prefix);

test("nothing is cached that nobody asked for", () => {
  expect(prefixes(false, [])).toEqual([]);
});

test("cache mounts are of one podman version, volumes are not; each volume counts once", () => {
  expect(prefixes(true, ["a", "b", "a"])).toEqual([
    "podman-rootless-mounts-v1-x86_64-linux-podman5.4-default+",
    "podman-rootless-volume-v1-x86_64-linux-default+a+",
    "podman-rootless-volume-v1-x86_64-linux-default+b+",
  ]);
});

test("no prefix begins another, and each has a file of its own", () => {
  const trees = ["a", "a-a", "aa", "A"].flatMap((name) =>
    treesOf({ ...request, name, cacheMounts: true, cacheVolumes: ["a", "aa", "a-a", "A", "mounts"] }),
  );
  const all = trees.map(({ prefix }) => prefix);
  for (const one of all) expect(all.filter((other) => other.startsWith(one))).toEqual([one]);
  expect(new Set(trees.map(fileNameOf)).size).toBe(all.length);
});
