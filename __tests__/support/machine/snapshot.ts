import type { Machine } from "./machine.ts";
import { outputOf } from "./output.ts";

/** What a machine has, a line for each thing; lines of two snapshots are compared. */
export type Snapshot = ReadonlySet<string>;

/**
 * Everything of a machine that a job could leave: files, directories, links and devices with type, mode and owner, those in
 * /etc and in homes with a digest; mounts, processes, cgroups, IPC. What shows the kernel's state (/proc, /sys), and
 * the software that is mounted read-only, is left out.
 */
const script = `
for top in $(awk '{ print $2 }' /proc/1/mounts | grep -vE '^/(proc|sys|srv|usr|opt/node24|home/runner/work/_actions|dev/pts)(/|$)' | sort -u); do
  find "$top" -xdev \\( -path /usr -o -path /srv -o -path /mnt -o -path /opt/node24 \\) -prune -o \\
    -printf 'file %p %y %m %U:%G %l\\n' 2>/dev/null
done
find /etc /home /root -xdev -type f -exec sha256sum {} + | sed 's/^\\(.*\\)  \\(.*\\)/text \\2 \\1/'
sed 's/^/mount /' /proc/1/mounts
find /sys/fs/cgroup -mindepth 1 -type d | sed 's/^/cgroup /'
for kind in shm sem msg; do awk -v kind=$kind 'NR > 1 { print "ipc", kind, $1, $2 }' /proc/sysvipc/$kind; done
`;

export async function takeSnapshot(machine: Machine): Promise<Snapshot> {
  const result = await machine.exec(["sh", "-c", script], { user: "root", cwd: "/" });
  const lines = outputOf("snapshot", result).split("\n");
  const processes = machine.processes().map(({ pid, command }) => `process ${pid} ${command.join(" ")}`);
  return new Set([...lines, ...processes]);
}

/** What is in one snapshot only: "+ ..." in the later, "- ..." in the earlier. */
export function difference(before: Snapshot, after: Snapshot): string[] {
  return [
    ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
    ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
  ].sort();
}

/** The topmost paths of the files in such a difference that were not there before. */
export function newPaths(lines: readonly string[]): string[] {
  const paths = lines.flatMap((line) => /^\+ file (\S+)/.exec(line)?.[1] ?? []);
  const changed = new Set(lines.flatMap((line) => /^- file (\S+)/.exec(line)?.[1] ?? []));
  const fresh = new Set(paths.filter((path) => !changed.has(path)));
  return [...fresh].filter((path) => ![...parentsOf(path)].some((parent) => fresh.has(parent))).sort();
}

function* parentsOf(path: string): Generator<string> {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1))
    yield path.slice(0, end);
}
