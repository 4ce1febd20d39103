import { linkSync } from "node:fs";
import { TEMP } from "../../runner/context.ts";
import { actionPath } from "../../world/world.ts";
import { one, type Unpaired } from "../cases.ts";
import type { Desk } from "./desk.ts";
import type { Saved } from "./saved.ts";
import { milliseconds, runMain, session } from "./session.ts";

/** What was downloaded becomes the store paths of a machine that has none. */
export function restoreCase(desk: Desk, { key, tarball }: Saved): Unpaired {
  const subject = () =>
    desk.fresh(async (machine) => {
      const answer = await desk.ours(machine, "restore", { key, temporary: TEMP }, session(desk, {}));
      await desk.sh(machine, `${answer.bin}/nix-store --query --requisites ${answer.bin} | xargs ls -d`);
      return answer.milliseconds;
    });
  const peer = () =>
    desk.fresh((machine) => {
      const file = "/home/runner/closure.tar.zst";
      linkSync(tarball, machine.directory(file));
      const script = `zstd -q -d -c ${file} | tar --extract --file - --directory /nix/store`;
      return milliseconds(desk, machine, { before: `cat ${file}; mkdir /nix/store`, script });
    });
  return one("environment and Nix", ["mounted", "tar and zstd"], { subject, peer }, { aim: { ratio: 0.1 } });
}

/** A job that finds all in the cache, on a machine without Nix. */
export function mainCase(desk: Desk, { urls }: Saved): Unpaired {
  const says = [/store paths are mounted/, /The image store is back/];
  const subject = () =>
    desk.fresh((machine) => runMain(desk, machine, { action: actionPath, inputs: desk.world.inputs, says }));
  const peer = () =>
    desk.fresh((machine) => {
      const files = urls.map((url, index) => `--output ${TEMP}/${index} '${url}'`);
      return milliseconds(desk, machine, { script: `curl --silent --fail ${files.join(" ")}` });
    });
  return one(
    "main, all cached",
    ["main", "download of the same"],
    { subject, peer },
    { aim: { difference: 1000 } },
  );
}
