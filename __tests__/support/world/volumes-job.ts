// One end of a job that caches volumes, in a process of its own: volumes-job.ts provide|save REQUEST
import { provideVolumes, saveVolumes } from "../../../src/volumes/job.ts";
import type { VolumesRequest } from "./volumes.ts";

const [phase, request = "{}"] = process.argv.slice(2);
const { environment, inputs, podmanVersion, place, trees } = JSON.parse(request) as VolumesRequest;
if (phase === "provide") {
  const provided = await provideVolumes(environment, inputs, podmanVersion, place.temporary);
  // The last line.
  console.log(`\n${JSON.stringify(provided)}`);
} else {
  await saveVolumes(environment, trees, inputs, place, inputs.saveSeconds);
}
// The cache library keeps connections open for a while.
process.exit();
