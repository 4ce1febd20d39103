import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Lacking, type LackingWorld, openLackingWorld } from "./lacking.ts";

/** What comes of a job on a machine that lacks something: podman works, or the step says why not. */
export type Case = Lacking &
  (
    | {
        /** The storage driver in use. Default: fuse-overlayfs. */
        works: "fuse-overlayfs" | "overlay" | "vfs";
        /** The step's only warnings. Default: none. */
        warns?: string[];
      }
    | {
        /** The step's only error, whole. */
        fails: string;
      }
  );

/** A test for each case. Doctor is asked first, and has to say what then happens. */
export function testCases(cases: readonly Case[]): void {
  let world: LackingWorld;
  beforeAll(async () => {
    world = await openLackingWorld();
  }, 900_000);
  afterAll(() => world.close());

  const title = ({ lacks, inputs = {} }: Case) =>
    [...lacks, ...Object.entries(inputs).map(([name, value]) => `${name}: ${value}`)].join(", ") || "nothing";

  test.each(cases.map((one) => [title(one), one] as const))("%s", async (_, one) => {
    const { doctor, errors, warnings, driver, run, job } = await world.attempt(one);
    const { ready, verdict, code } = doctor;
    if ("works" in one) {
      expect({ errors, warnings, driver, run }).toEqual({
        errors: [],
        warnings: one.warns ?? [],
        driver: one.works,
        run: "works",
      });
      expect({ ready, code }).toEqual({ ready: true, code: 0 });
    } else {
      expect({ errors, run }).toEqual({ errors: [one.fails], run: "" });
      expect({ ready, code, verdict }).toEqual({
        ready: false,
        code: 1,
        verdict: `podman cannot work here: ${one.fails}`,
      });
    }
    expect(job.post("podman")).toMatchObject({ outcome: "success", annotations: [] });
    expect(job).toMatchObject({ killed: [], survivors: [] });
  });
}
