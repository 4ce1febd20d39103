import { NODE, TEMP } from "../runner/context.ts";
import { type JobResult, runJob } from "../runner/job.ts";
import { actionPath, type World } from "../world/world.ts";
import type { Checks } from "./checks.ts";
import { registries, steps, WARNING } from "./job.ts";
import { KINDS, type Kind } from "./kinds.ts";
import type { VirtualMachine } from "./machine.ts";
import type { VirtualSession } from "./session.ts";
import { difference, readTraces } from "./traces.ts";

export interface Desk {
  world: World;
  machine: VirtualMachine;
  /** Is given each line of the jobs' logs. */
  onLine(line: string): void;
}

/** Runs the action in one kind of session, cold and warm. */
export async function tryKind(desk: Desk, kind: Kind, checks: Checks): Promise<void> {
  const { world, machine } = desk;
  await machine.root(kind.prepare);
  for (const { key } of world.cache.entries()) await world.cache.evict(key);
  const session = await machine.open(kind.session);
  try {
    await settle(session, world);
    const refused = await session.exec(["unshare", "--user", "true"]);
    checks.note("AppArmor refuses user namespaces", "", refused.code === 0 && "unshare --user works");
    const { ready, verdict } = await doctor(session, kind);
    checks.note("doctor", ready ? "will be ready" : "not ready", !ready && verdict);

    const cold = await watchedJob(desk, session, kind, "cold", checks);
    const agreed = ready === (cold.step("podman").outcome === "success");
    checks.note("doctor was right", "", !agreed && verdict);
    const warm = await watchedJob(desk, session, kind, "warm", checks);
    const hit = warm.step("podman").outputs["cache-hit"] ?? "";
    checks.note("warm: the store is back", hit, hit !== "true" && warm.step("podman").log);
  } finally {
    await session.close();
  }
}

/** Where AppArmor's restriction is on, and nobody can load a profile. */
export async function tryWithoutSudo(desk: Desk, checks: Checks): Promise<void> {
  const [kind] = KINDS;
  if (kind === undefined) throw new Error("there is no kind");
  await desk.machine.root("mv /etc/sudoers.d/runner /root/sudoers");
  const session = await desk.machine.open(kind.session);
  try {
    await settle(session, desk.world);
    const { ready, verdict } = await doctor(session, kind);
    checks.note("doctor", ready ? "will be ready" : "not ready", ready && verdict);
    const result = await job(desk, session, kind, "false");
    const { outcome, log, annotations, seconds } = result.step("podman");
    const said = annotations.map(({ message }) => message).join("\n");
    checks.note("cold: the action", `refuses, ${shown(seconds)}`, outcome !== "failure" && log);
    checks.note(
      "doctor was right",
      "same words",
      !(said !== "" && verdict.includes(said)) && `${verdict}\n${said}`,
    );
  } finally {
    await session.close();
    await desk.machine.root("mv /root/sudoers /etc/sudoers.d/runner");
  }
}

/** What every job finds there, so that it is none of its traces. */
async function settle(session: VirtualSession, world: World): Promise<void> {
  await session.files.write("/home/runner/.config/containers/registries.conf", registries(world));
  await session.exec(["mkdir", "-p", TEMP, "/home/runner/.local/share", "/home/runner/.cache"]);
}

/** What doctor says before the action changes anything. */
async function doctor(session: VirtualSession, { env }: Kind): Promise<{ ready: boolean; verdict: string }> {
  const argv = [NODE, `${actionPath}/dist/index.js`, "doctor", "--json"];
  const { stdout, stderr } = await session.exec(argv, { env: { ...env, RUNNER_TEMP: TEMP } });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`doctor --json: ${stdout}${stderr}`);
  }
}

const job = (
  { world, onLine }: Desk,
  session: VirtualSession,
  { env }: Kind,
  keep: string,
): Promise<JobResult> =>
  runJob(session, {
    action: { path: actionPath },
    env: { ...world.cache.environment(), ...env },
    steps: steps(world, { keep }),
    onLine,
  });

/** Runs the job, and checks what its steps did and what it left. */
async function watchedJob(
  desk: Desk,
  session: VirtualSession,
  kind: Kind,
  temperature: "cold" | "warm",
  checks: Checks,
): Promise<JobResult> {
  const keep = kind.keep[temperature];
  // The next machine would not have the last one's store.
  await desk.machine.root("rm -rf /home/runner/.local/share/podman-rootless");
  const before = await readTraces(desk.machine);
  const result = await job(desk, session, kind, keep);
  const after = await readTraces(desk.machine);
  const note = (name: string, seen: string, problem: string | false) =>
    checks.note(`${temperature}: ${name}`, seen, problem);
  const step = (name: string, id: string, expected: RegExp) => {
    const { outcome, log, seconds } = result.step(id);
    note(name, shown(seconds), (outcome !== "success" || !expected.test(log)) && `${outcome}: ${log}`);
  };

  step("the action", "podman", /./);
  if (result.step("podman").outcome === "success") {
    step("podman run", "run", /^\s*0\s+1001\s+1\s+1\s+\d+\s+65536\s*$/m);
    step("run --userns=keep-id", "keep-id", /^1001$/m);
    step("run --userns=auto", "auto", /^0$/m);
    step("run --publish", "publish", /^root:x:0:0/m);
    step("build, then run", "build", /^33:44$/m);
    const limit = result.step("limit").log.trim();
    const seen = limit === "67108864" ? "64 MiB" : /^refused$/m.test(limit) ? "refused" : "ignored";
    note("run --memory 64m", seen, seen !== kind.limit && limit);
    const loud = result.steps.filter(({ id, log }) => id !== "podman" && WARNING.test(log));
    note("no warnings of podman's", "", loud.map((one) => `${one.name}: ${one.log}`).join("\n"));
    step("AppArmor profile in the job", "profiles", /^podman-rootless-/m);
  }
  const { outcome, log, seconds } = result.post("podman");
  note("post", shown(seconds), outcome !== "success" && log);
  const left = [...result.killed, ...result.survivors].map(({ command }) => command.join(" "));
  note("no process is left", "", left.join("\n"));
  const traces = difference(before, after).split("\n");
  const problems = traces.filter((line) => keep === "false" || !KEPT.test(line));
  note(keep === "false" ? "nothing is left" : "no more is left than is kept", "", problems.join("\n"));
  return result;
}

/** With `keep: true`: subordinate ids, Nix, the store, and podman's own files beside it; see docs/security.md. */
const KEPT =
  /\/etc\/sub[ug]id|\/nix |\.local|\/tmp\/podman-rootless-1001|\/var\/tmp\/(buildah-cache|intermediate-mountpoint)-1001/;

const shown = (seconds: number): string => `${seconds.toFixed(1)} s`;
