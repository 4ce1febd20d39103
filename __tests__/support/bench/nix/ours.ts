// Run by node in the machine, as the action's own code is: `node ours.ts NAME REQUEST`. The last line of what it prints
// is the answer; request and answer are JSON.
import { join } from "node:path";
import { installNix } from "../../../../src/nix/install.ts";
import type { Answers, Requests } from "./requests.ts";

type Handlers = { [Name in keyof Requests]: (request: Requests[Name]) => Promise<Answers[Name]> };

const action = join(import.meta.dirname, "../../../..");

const handlers: Handlers = {
  install: async ({ tarball, temporary }) => {
    const start = performance.now();
    const places = { settings: temporary, own: join(temporary, "own"), action };
    const { bin } = await installNix(tarball, places);
    return { milliseconds: performance.now() - start, bin };
  },
};

async function answer<Name extends keyof Requests>(name: Name, request: string): Promise<void> {
  console.log(`\n${JSON.stringify(await handlers[name](JSON.parse(request) as Requests[Name]))}`);
}

const [name = "", request = ""] = process.argv.slice(2);
await answer(name as keyof Requests, request);
process.exit();
