import { describe, expect, test } from "@jest/globals";
import { grow, type Run } from "../support/world/growth.ts";

/** Megabytes of a run's own change, and of all that is new with another base. */
const change = 1;
const all = 8 + 4 + 1 + 1;

describe.each([
  ["trixie", "fuse-overlayfs", 6, [3]],
  ["trixie", "overlay", 3, [2]],
  ["bookworm", "fuse-overlayfs", 3, [2]],
  ["forky", "fuse-overlayfs", 3, [2]],
] as const)("a project that grows: podman of %s, %s", (release, driver, runs, rebases) => {
  let done: Run[];
  test(`${runs} runs, with a new base image before ${rebases.join(" and ")}`, async () => {
    done = await grow({ release, driver, runs, rebases });
    let base = 1;
    for (const { number, says, made, reused, rebased } of done) {
      if (rebased) base = number;
      // The stage of the dependencies and the first two steps are the same while the base is.
      expect({ number, says, made, reused }).toEqual({
        number,
        says: `base ${base} run ${number} 4000000`,
        made: rebased ? 4 : 1,
        reused: rebased ? 0 : 3,
      });
    }
  }, 600_000);

  test("each brings back what the one before has saved, and saves what is its own", () => {
    const megabytes = done.map(({ uploaded }) => uploaded / 1e6);
    for (const [index, { number, segments, rebased, anew }] of done.entries()) {
      const before = done[index - 1];
      const expected = before === undefined ? 0 : before.anew === "" ? before.segments + 1 : 1;
      expect({ number, segments }).toEqual({ number, segments: expected });
      if (rebased || anew !== "") expect(megabytes[index]).toBeLessThan(all * 1.1);
      else expect(megabytes[index]).toBeLessThan(change * 1.1);
    }
  });

  test("what is dead does not pile up", () => {
    // Twice what is alive at most, and what one run adds.
    for (const { size } of done) expect(size / 1e6).toBeLessThan((2 * all + change) * 1.1);
  });

  test("the chain is made anew when most of it is dead", () => {
    const reasons = done.filter(({ anew }) => anew !== "").map(({ anew }) => anew);
    if (runs < 6) return expect(reasons).toEqual([]);
    return expect(reasons).toEqual([expect.stringMatching(/^\d.* of its \d.* are no longer used$/)]);
  });
});
