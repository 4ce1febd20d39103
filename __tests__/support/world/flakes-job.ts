// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { IMAGES } from "../assets/images.ts";
import type { JobResult } from "../runner/job.ts";
import type { RunStep } from "../runner/workflow.ts";
import type { World } from "./world.ts";

/** What the flake of a shape leads to. */
export interface Expected {
  /** Where podman is found. */
  attribute: string;
  /** Name of the FHS root in the closure; absent: a tree is laid out around programs. */
  root?: string;
  /** Name of the package that podman is from, in the environment; absent: the root's own. */
  podman?: string;
}

/** By shape. */
export const expected: Record<string, Expected> = {
  apps: { attribute: "packages.x86_64-linux.podman", podman: "podman" },
  bubblewrap: { attribute: "packages.x86_64-linux.default", root: "podman-env-fhs" },
  capable: { attribute: "packages.x86_64-linux.podman", podman: "podman-1.0" },
  fhsenv: { attribute: "packages.x86_64-linux.default", root: "podman-env-1.0-fhsenv-rootfs" },
  "flat-bin": { attribute: "defaultPackage.x86_64-linux", podman: "podman-wrapper-1.0" },
  launcher: { attribute: "packages.x86_64-linux.podman", root: "fsh-podman-rootless-env-fhs" },
  "launcher-arguments": { attribute: "packages.x86_64-linux.podman", root: "fsh-podman-rootless-env-fhs" },
  "nested-default": { attribute: "packages.x86_64-linux.podman", podman: "podman-wrapper-1.0" },
  overlay: { attribute: "packages.x86_64-linux.podman", podman: "podman-wrapper-1.0" },
  "shell-only": { attribute: "devShell.x86_64-linux", podman: "podman-wrapper-1.0" },
  unbuildable: { attribute: "devShell.x86_64-linux", podman: "podman-wrapper-1.0" },
};

const podmanOf = (id: string) => `\${{ steps.${id}.outputs.podman }}`;

/** Runs a container by the podman of a step, from an image that the user is let pull by plain HTTP. */
export const runStep = ({ registry }: World, podman = "podman", id = "run"): RunStep => ({
  id,
  run: `mkdir -p ~/.config/containers; printf '[[registry]]\\nlocation = "${registry.host}"\\ninsecure = true\\n' >~/.config/containers/registries.conf
${podmanOf(podman)} run --rm ${registry.host}/${IMAGES.busybox} sh -c 'echo works as $(id -u) on $(hostname | wc -c)'`,
});

/** Runs a script in the environment of a step, by the tools that are there. */
export const inside = (podman: string, id: string, script: string): RunStep => ({
  id,
  run: `cat >inside.sh <<'END'\n${script}\nEND
eval "$(sed -n 's/^exec \\(.*\\) exec podman .*/\\1/p' ${podmanOf(podman)}) exec sh $PWD/inside.sh"`,
});

/** Steps that did not pass, with what they said. */
export const failures = (result: JobResult): { name: string; log: string }[] =>
  result.steps.filter(({ outcome }) => outcome !== "success").map(({ name, log }) => ({ name, log }));
