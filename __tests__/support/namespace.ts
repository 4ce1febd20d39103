import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../src/environment/environment.ts";

/** A stand-in for enter.sh and its environment: this machine's programs, in namespaces of their own. */
export interface Namespace {
  environment: Environment;
  close(): Promise<void>;
}

// As enter.sh does it: the host's directories on a tmpfs, so that the environment's own do not end up in the host's.
const holder = `set -eu
new=$1/root
mount -t tmpfs -o mode=0755 namespace "$new"
mount --make-unbindable "$new"
for path in /*; do
  if [ -h "$path" ]; then ln -s "$(readlink "$path")" "$new$path"
  elif [ -d "$path" ]; then mkdir "$new$path" && mount --rbind "$path" "$new$path"; fi
done
cd "$new"
pivot_root . mnt && umount -l /mnt
echo ready
exec sleep infinity
`;

/**
 * Starts one: a user namespace with the caller as root and no other id, and a mount namespace. In it squashfuse can
 * mount; the kernel is never asked, as no process has the holder's number. What podman would say of events is in the
 * file `events`.
 *
 * @param directory for its files, empty
 */
export async function startNamespace(directory: string): Promise<Namespace> {
  mkdirSync(join(directory, "root"), { recursive: true });
  const graphRoot = join(directory, "storage");
  const script = join(directory, "enter.sh");
  const unshare = ["--user", "--map-root-user", "--mount", "sh", "-c", holder, "sh", directory];
  const child = spawn("unshare", unshare, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  const ended = once(child, "exit");
  await Promise.race([
    once(child.stdout, "data"),
    ended.then(() => Promise.reject(new Error("the namespace did not start"))),
  ]);
  writeFileSync(join(directory, "events"), "");
  writeFileSync(
    script,
    `while [ $# -gt 1 ] && [ "$1" != exec ]; do shift; done
[ "$1" = exec ] || exit 0
shift
[ "$1" != podman ] || exec cat "${directory}/events"
exec nsenter --target ${child.pid} --user --mount --preserve-credentials --wd="$PWD" -- "$@"\n`,
  );
  writeFileSync(join(directory, "holder"), "0 1 boot\n");
  return {
    environment: { script, rootfs: "/", graphRoot, driver: "overlay", directory, podman: "/bin/false" },
    close: async () => {
      // squashfuse ends with its mount, and would keep the namespaces otherwise.
      const unmount = 'for path in /.segments/*; do [ ! -d "$path" ] || umount --quiet "$path" || :; done';
      await once(spawn("sh", [script, "exec", "sh", "-c", unmount], { stdio: "ignore" }), "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
