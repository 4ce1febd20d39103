import { node24 } from "../runner/node.ts";
import { openWorld, type World } from "../world/world.ts";
import { type Check, type Checks, renderChecks, startColumn } from "./checks.ts";
import { virtualImage } from "./image.ts";
import { KINDS } from "./kinds.ts";
import { startVirtualMachine, type VirtualMachine } from "./machine.ts";
import { tryKind, tryWithoutSudo } from "./try.ts";

/** A line about the machine. */
const ABOUT = `. /etc/os-release
  echo "$PRETTY_NAME, Linux $(uname -r), $(systemctl --version | head -n 1), $(stat -f -c %T /sys/fs/cgroup)," \\
    "AppArmor $(cat /sys/module/apparmor/parameters/enabled)"`;

const checks: Check[] = [];
const onLine = process.argv.includes("--verbose")
  ? (line: string) => console.log(`       ${line}`)
  : () => {};
const column = (title: string) =>
  startColumn(title, checks, ({ name, seen, problem }) => {
    console.log(`${problem === "" ? "ok    " : "FAILED"} ${title}: ${name}${seen && `, ${seen}`}`);
    for (const line of problem.split("\n").filter(Boolean)) onLine(line);
  });

console.log("Preparing the machine's disk and the services (minutes on the first run) ...");
const image = await virtualImage();
const world = await openWorld();
try {
  const machine = await boot(world);
  try {
    const desk = { world, machine, onLine };
    for (const kind of KINDS) await tried(kind.title, (say) => tryKind(desk, kind, say));
    await tried("no sudo", (say) => tryWithoutSudo(desk, say));
  } finally {
    await machine.stop();
  }
} finally {
  await world.close();
}
const failed = checks.filter(({ problem }) => problem !== "").length;
console.log(`\n${renderChecks(checks)}\n\n${checks.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** One that breaks off is a failed check, and the others go on. */
async function tried(title: string, work: (say: Checks) => Promise<void>): Promise<void> {
  const say = column(title);
  await work(say).catch((error: Error) => say.note("to the end", "broken off", error.stack ?? error.message));
}

async function boot({ registry, cache, inputs, mounts }: World): Promise<VirtualMachine> {
  console.log("Booting ...");
  const urls = [`http://${registry.host}`, cache.url, inputs["nix-url"] ?? ""];
  const machine = await startVirtualMachine({
    image,
    mounts: [...mounts, { source: node24(), target: "/opt/node24" }],
    ports: urls.filter(Boolean).map((url) => Number(new URL(url).port)),
  });
  console.log(`Booted in ${machine.bootSeconds.toFixed(1)} s: ${await machine.root(ABOUT)}`);
  return machine;
}
