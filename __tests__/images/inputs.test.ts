import { expect, test } from "@jest/globals";
import { loadWith } from "../support/inputs.ts";

const longest = "a".repeat(512);

test.each([
  ["", []],
  ["busybox", ["busybox"]],
  ["docker.io/library/busybox:stable, quay.io/a/b", ["docker.io/library/busybox:stable", "quay.io/a/b"]],
  ["\n  ghcr.io/a/b:1.2_3\n# not this one\n\nlocalhost/x\n", ["ghcr.io/a/b:1.2_3", "localhost/x"]],
  ["127.0.0.1:5000/a__b:v1", ["127.0.0.1:5000/a__b:v1"]],
  ["[::1]:5000/a", ["[::1]:5000/a"]],
  [`busybox@sha256:${"0".repeat(64)}`, [`busybox@sha256:${"0".repeat(64)}`]],
  [longest, [longest]],
])("images: %j", (value, images) => {
  expect(loadWith({ images: value }).images).toEqual(images);
});

test.each([
  ["-x", "-x"],
  ["--all-tags", "--all-tags"],
  ["busybox\n--tls-verify=false", "--tls-verify=false"],
  ["a b", "a b"],
  ["a\tb", "a\tb"],
  ["$(id)", "$(id)"],
  ["a;b", "a;b"],
  ["'a'", "'a'"],
  [".hidden", ".hidden"],
  ["/etc/passwd", "/etc/passwd"],
  ["docker://busybox", "docker://busybox"],
  ["büsybox", "büsybox"],
  [`${longest}a`, `${longest}a`],
])("images: %j is refused", (value, named) => {
  expect(() => loadWith({ images: value })).toThrow(
    new Error(
      `Invalid images '${named}'. Expected names of images such as docker.io/library/busybox:stable.`,
    ),
  );
});

test("pull", () => {
  expect(loadWith({}).pull).toBe("missing");
  expect(loadWith({ pull: "newer", images: "busybox" }).pull).toBe("newer");
  for (const value of ["", "always", "never", "Newer"]) {
    expect(() => loadWith({ pull: value })).toThrow(
      new Error(`Invalid pull '${value}'. Expected missing or newer.`),
    );
  }
});
