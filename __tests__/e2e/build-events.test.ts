import { describe, expect, jest, test } from "@jest/globals";
import { parseEvents } from "../../src/store/events.ts";
import { liveStore } from "../../src/store/live.ts";
import { parseStore } from "../../src/store/store.ts";
import { useEnvironmentMachine } from "../support/world/desk.ts";

jest.setTimeout(240_000);

const desk = useEnvironmentMachine({ beside: ["bookworm", "forky"] });
const { sh, output } = desk;

// What the choice of images to save stands on, of each podman.
describe.each([
  ["4.3.1", "/srv/bookworm"],
  ["5.4.2", "/srv/debian"],
  ["5.8.6", "/srv/forky"],
])("podman %s", (version, rootfs) => {
  const graphRoot = `/var/tmp/store-of-${version}`;
  const enter = `enter --rootfs ${rootfs} --graph-root ${graphRoot}`;
  const podman = `${enter} exec podman`;
  const readEvents = async () => parseEvents(await output(`${podman} events --stream=false --format json`));
  const builds = async () => (await readEvents()).builds.map(({ wentWell }) => wentWell);
  const build = (tag: string, ...lines: string[]) =>
    sh(`${podman} build --quiet --tag localhost/${tag} -`, {
      input: lines.map((line) => line.replace("BASE", desk.image)).join("\n"),
    });

  test("its log tells good builds from failed ones, and what the good ones have left stays", async () => {
    expect(await output(`${podman} --version`)).toBe(`podman version ${version}`);
    await output(`${podman} pull --quiet ${desk.image}`);
    expect((await readEvents()).builds).toEqual([]);

    const failed = await build("bad", "FROM BASE", "RUN echo bad >/bad", "RUN exit 3");
    expect(failed.code).not.toBe(0);
    expect(await builds()).toEqual([false]);

    const before = Number(await output("date +%s%3N"));
    // The first stage is nobody's parent.
    const good = await build(
      "good",
      "FROM BASE AS tools",
      "RUN echo tool >/tool",
      "FROM BASE",
      "COPY --from=tools /tool /tool",
      "RUN echo good >/good",
    );
    expect(good.code).toBe(0);
    expect(await builds()).toEqual([false, true]);
    const {
      builds: [, { end: built } = { end: 0 }],
      used,
    } = await readEvents();
    expect(built).toBeGreaterThanOrEqual(before);
    expect(built).toBeLessThanOrEqual(Number(await output("date +%s%3N")) + 1);
    expect([...used]).toEqual(expect.arrayContaining([desk.image, good.stdout.trim()]));

    await build("worse", "FROM BASE", "RUN echo worse >/worse", "RUN exit 3");
    await build("good", "FROM BASE", "RUN echo other >/other");
    await build("worst", "FROM BASE", "RUN echo worst >/worst", "RUN exit 3");
    const events = await readEvents();
    expect(events.builds.map(({ wentWell }) => wentWell)).toEqual([false, true, false, true, false]);

    const read = (list: string) => output(`${enter} exec cat ${graphRoot}/${list}`);
    const store = parseStore(
      await read("overlay-layers/layers.json"),
      await read("overlay-images/images.json"),
    );
    const added = new Set(store.images.map(({ id }) => id));
    const live = liveStore(store, { wanted: () => true, onlyUsed: false, added, ...events });
    // Not what the failed builds left, and not the image that lost its name to the newer one.
    const lines = (
      await output(`for id in ${live.images.map(({ id }) => id).join(" ")}; do
      ${podman} history --no-trunc --format '{{.CreatedBy}}' $id | head -n 1; done`)
    ).split("\n");
    const kept = ["tool", "worse", "other", "worst", "good", "bad"].filter((word) =>
      lines.some((line) => line.includes(`echo ${word} `)),
    );
    expect(kept).toEqual(["tool", "other"]);
    await output(`${enter} stop`);
  });
});
