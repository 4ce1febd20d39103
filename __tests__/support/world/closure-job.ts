// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { chownSync, mkdirSync } from "node:fs";
import type { Machine, MachineOptions } from "../machine/machine.ts";
import { outputOf } from "../machine/output.ts";
import { type JobOptions, type JobResult, runJob } from "../runner/job.ts";
import type { RunStep, Step } from "../runner/workflow.ts";
import { actionPath, type World } from "./world.ts";

const podman = "${{ steps.podman.outputs.podman }}";

export interface ClosureJobOptions {
  inputs?: Record<string, string>;
  steps?: Step[];
  /** Not a hosted runner, so that what is on the machine stays. */
  selfHosted?: boolean;
}

/** A job of the action and a podman command, with debug logging: each program that it runs is in the log. */
export const closureJob = (
  world: World,
  machine: Machine,
  { inputs = {}, steps = [], selfHosted = false }: ClosureJobOptions = {},
): Promise<JobResult> =>
  runJob(machine, {
    action: { path: actionPath },
    env: world.cache.environment(),
    debug: true,
    ...(selfHosted && { runner: { environment: "self-hosted" } }),
    steps: [
      { id: "podman", uses: true, with: { ...world.inputs, ...inputs } },
      { id: "version", run: `${podman} --version` },
      ...steps,
    ],
  } satisfies JobOptions);

/** A machine whose /nix is a directory of the host's file system, so that an overlay can be on it; the user's own. */
export function machineWithNix(
  world: World,
  name: string,
  options: Partial<MachineOptions> = {},
): Promise<Machine> {
  const source = world.path("nix", name);
  // One that is there is as it was left.
  if (mkdirSync(source, { recursive: true }) !== undefined) chownSync(source, 1001, 1001);
  const mounts = [...(options.mounts ?? []), { source, target: "/nix", writable: true }];
  return world.machine(name, { subordinateIds: "runner:100000:65536", ...options, mounts });
}

/** Programs of Nix that a step ran, by their arguments, without its path. */
export const nixCommands = (log: string): string[] =>
  [...log.matchAll(/##\[debug\]\[\d+\] run \S+\/(nix(?:-\w+)*(?: .*)?)$/gm)].map(
    ([, command = ""]) => command,
  );

/** Inputs by which Nix cannot be downloaded; the closure's name has the tarball's hash in it, not its address. */
export const withoutServer = { "nix-url": "http://127.0.0.1:9/nix.tar.xz" };

/** Prints what is mounted at /nix and below: place, kind and options of each. */
export const mounts: RunStep = {
  id: "mounts",
  run: `while read -r _ place kind options _; do
  case $place in /nix/*) echo "$place $kind $options" ;; esac
done </proc/self/mounts`,
};

/** Builds something with the Nix of the job, that refers to a store path. */
export const build = (reference: string): RunStep => ({
  id: "build",
  run: `path=$(nix build --extra-experimental-features 'nix-command flakes' --no-link --print-out-paths --impure --expr '
    derivation { name = "on-top"; system = builtins.currentSystem; builder = "/bin/sh";
      args = [ "-c" "echo \${builtins.storePath ${reference}} >$out" ]; }')
cat "$path"
echo "references: $(nix-store --query --references "$path")"`,
});

/** Removes garbage, all and a path of it; then looks whether all that Nix knows of is as it was. */
export const collect = (kept: string): RunStep => ({
  id: "collect",
  run: `garbage() { echo "$1" >garbage; nix-store --add garbage; }
one=$(garbage one)
nix-store --delete "$one"
other=$(garbage other)
nix-collect-garbage -d
for path in "$one" "$other"; do [ ! -e "$path" ]; echo "removed: $path"; done
nix-store --check-validity ${kept}
nix-store --verify --check-contents
echo verified`,
});

/** What the cache was asked about closures. */
export const closureRequests = ({ cache }: World): string[] =>
  cache.requests.filter(({ key }) => key?.startsWith("podman-rootless-closure-")).map(({ kind }) => kind);

/** A flake that is known by the name of a branch. */
export const branch = "git+file:///home/runner/flake?ref=main#rootfs";

/** Makes its repository, of the same commit each time: the world's flake, but for the FHS root, which is a copy. */
export async function makeBranch(machine: Machine): Promise<void> {
  const script = `
    cp -r /srv/flake ~/flake; cd ~/flake; chmod -R u+w .
    cat >flake.new <<'END'
  outputs = { podman-rootless, ... }: {
    packages.x86_64-linux.rootfs = derivation {
      name = "branch-fhsenv-rootfs";
      system = "x86_64-linux";
      builder = "/bin/sh";
      args = [ "-c" "/bin/cp -a \${podman-rootless.packages.x86_64-linux.rootfs} $out" ];
    };
  };
}
END
    sed -i -e '/^  outputs = /,$d' flake.nix
    cat flake.new >>flake.nix
    rm flake.new
    export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'
    git init --quiet --initial-branch main
    git add .
    git -c user.name=Someone -c user.email=someone@localhost commit --quiet --message flake`;
  outputOf(script, await machine.exec(["bash", "-euc", script]));
}
