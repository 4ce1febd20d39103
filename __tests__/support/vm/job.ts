// biome-ignore-all lint/suspicious/noTemplateCurlyInString: expressions of workflows
import { IMAGES } from "../assets/images.ts";
import type { Step } from "../runner/workflow.ts";
import type { World } from "../world/world.ts";

const podman = "${{ steps.podman.outputs.podman }}";

/** What podman says of something that it does without: a warning at every command, if at one. */
export const WARNING = /level=warning|WARN|Warning:/;

/** The action, and then one use of podman a step, each of which is tried however the one before ended. */
export function steps({ registry, inputs }: World, own: Record<string, string>): Step[] {
  const image = `${registry.host}/${IMAGES.busybox}`;
  const after = { if: "always() && steps.podman.outcome == 'success'" };
  const run = (options: string, command: string) =>
    `${podman} run --rm --quiet ${options} ${image} ${command}`;
  return [
    { id: "podman", uses: true, with: { ...inputs, ...own } },
    { id: "run", ...after, run: run("", "cat /proc/self/uid_map") },
    { id: "keep-id", ...after, run: run("--userns=keep-id", "id -u") },
    { id: "auto", ...after, run: run("--userns=auto", "id -u") },
    {
      id: "publish",
      ...after,
      run: `${run("--detach --name web --publish 127.0.0.1:8080:80", "httpd -f -h /etc")}
curl --silent --fail --retry 20 --retry-delay 1 --retry-all-errors http://127.0.0.1:8080/passwd
${podman} rm --force --time 0 web`,
    },
    // How it ends is looked at: that it is refused may be right.
    { id: "limit", ...after, run: `${run("--memory 64m", "cat /sys/fs/cgroup/memory.max")} || echo refused` },
    {
      id: "build",
      ...after,
      run: `printf 'FROM ${image}\nRUN echo more >/more && chown 33:44 /more\n' >Containerfile
${podman} build --quiet --tag localhost/more .
${podman} run --rm localhost/more stat -c %u:%g /more`,
    },
    { id: "profiles", if: "always()", run: "sudo cat /sys/kernel/security/apparmor/profiles" },
  ];
}

/** The user's configuration, by which podman takes images from the registry on loopback. */
export const registries = ({ registry }: World): string =>
  `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`;
