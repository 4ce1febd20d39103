// Run by node in the machine, as the action's own code is: `node ours.ts NAME REQUEST`. The last line of what it prints
// is the answer; request and answer are JSON.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fetchEntry } from "../../../../src/cache/restore.ts";
import { restore } from "../../../../src/closure/restore.ts";
import { installNix } from "../../../../src/nix/install.ts";
import type { Answers, Requests } from "./requests.ts";

type Handlers = { [Name in keyof Requests]: (request: Requests[Name]) => Promise<Answers[Name]> };

const action = join(import.meta.dirname, "../../../..");

const handlers: Handlers = { install, restore: fetchAndRestore };

async function install({ tarball, temporary }: Requests["install"]): Promise<Answers["install"]> {
  const start = performance.now();
  const places = { settings: temporary, own: join(temporary, "own"), action };
  const { bin } = await installNix(tarball, places);
  return { milliseconds: performance.now() - start, bin };
}

async function fetchAndRestore({ key, temporary }: Requests["restore"]): Promise<Answers["restore"]> {
  const digest = key.slice(-32);
  const home = join(temporary, "closure");
  const [archive, record] = [join(home, `${digest}.squashfs`), join(home, `${digest}.json`)];
  await mkdir(home, { recursive: true });
  const lack = await fetchEntry(key, [archive, record], temporary);
  if (lack !== undefined) throw new Error(`${key} ${lack}`);
  const start = performance.now();
  const fetched = { digest, form: "squashfs", archive, record } as const;
  const restored = await restore(fetched, "overlay", join(home, digest), undefined, () => {});
  await restored.registered;
  const milliseconds = performance.now() - start;
  const bin = restored.record.nix?.bin;
  if (bin === undefined) throw new Error(`${key} has no Nix`);
  return { milliseconds, bin };
}

async function answer<Name extends keyof Requests>(name: Name, request: string): Promise<void> {
  console.log(`\n${JSON.stringify(await handlers[name](JSON.parse(request) as Requests[Name]))}`);
}

const [name = "", request = ""] = process.argv.slice(2);
await answer(name as keyof Requests, request);
// The cache library keeps connections open for a while.
process.exit();
