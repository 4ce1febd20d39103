import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Release } from "../assets/debian-root.ts";
import { type NativeMachine, startNativeMachine } from "./native.ts";

const all: readonly Release[] = ["bookworm", "trixie", "forky"];

/** The releases whose podman is compared: those in PODMAN_ROOTLESS_TEST_RELEASES, or all. */
export const RELEASES = (process.env.PODMAN_ROOTLESS_TEST_RELEASES?.split(" ") ?? all).map((name) => {
  const release = all.find((known) => known === name);
  if (release === undefined) throw new Error(`Invalid release '${name}'. Expected ${all.join(", ")}.`);
  return release;
});

/**
 * A name, a shell script, and the code it ends with where podman is native (default: 0). Releases that are
 * named end otherwise: with that code, or with any other than the usual for a reason in words, which
 * docs/podman-versions.md gives as well.
 */
export type Case = [
  name: string,
  script: string,
  code?: number,
  otherwise?: Partial<Record<Release, number | string>>,
];

/** Packages that some cases need, all in one machine: each set of them is another Debian root. */
export const MORE = ["openssh-client", "podman-compose"] as const;

/** What a container with busybox runs to be a web server, which says hello: the end of a `podman run`. */
export const serve = "sh -c 'echo hello >/var/www/index.html; exec httpd -f -h /var/www'";

/** Asks a web server that may not listen yet; its URL follows. */
export const ask = "curl --silent --retry 30 --retry-delay 1 --retry-all-errors";

/** What the cases of a file need besides. */
export interface Needs {
  /** Debian packages that the machine has, too. */
  packages?: readonly string[];
  /** Shell functions and variables for each script. Called when the machine stands. */
  before?: () => string;
}

/** Declares tests that have a machine of each release, given by `desk`; with Debian packages besides. */
export function onEach(
  declare: (desk: () => NativeMachine, release: Release) => void,
  packages: readonly string[] = [],
): void {
  describe.each(RELEASES)("%s", (release) => {
    jest.setTimeout(240_000);
    let desk: NativeMachine | undefined;
    beforeAll(async () => {
      desk = await startNativeMachine(release, packages);
    }, 900_000);
    afterAll(() => desk?.close());
    declare(() => {
      if (desk === undefined) throw new Error("there is no machine");
      return desk;
    }, release);
  });
}

/** Declares a test for each case and release: with podman in the environment it must do as with a native one. */
export function compare(cases: readonly Case[], { packages, before = () => "" }: Needs = {}): void {
  onEach((desk, release) => {
    test.each(cases)("%s", async (_name, script, code = 0, otherwise = {}) => {
      const { native, ours } = await desk().both(before() + script);
      const expected = otherwise[release] ?? code;
      try {
        if (typeof expected === "number") expect(native).toEqual({ ...native, code: expected });
        else expect(native).not.toEqual({ ...native, code });
        expect(ours).toEqual(native);
      } finally {
        if (native.code !== code || ours.code !== code) await desk().tidy();
      }
    });
  }, packages);
}
