// Run by node in a machine, as the action's own code is: `node chain-job.ts restore|save REQUEST`. The request is JSON,
// and so is the last line of what restore prints. The parts of main and post around them are enter.sh's start and stop.
import { provideStore } from "../../../src/cache/job.ts";
import { saveStore } from "../../../src/cache/save.ts";
import { command, inside } from "../../../src/environment/environment.ts";
import type { RestoreRequest, SaveRequest } from "./chain.ts";

const [phase = "", request = ""] = process.argv.slice(2);
if (phase === "restore") {
  const { environment, inputs, temporary } = JSON.parse(request) as RestoreRequest;
  await command(environment, "start");
  const version = (await inside(environment, "podman", ["--version"])).trim().split(" ").at(-1) ?? "";
  console.log(`\n${JSON.stringify(await provideStore(environment, inputs, version, temporary))}`);
} else {
  const { environment, inputs, temporary, run, store } = JSON.parse(request) as SaveRequest;
  await saveStore(environment, store, { ...inputs, named: [] }, temporary, run);
}
// The cache library keeps connections open for a while.
process.exit();
