import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../machine/machine.ts";

// A tmpfs of its own namespace, in which each source is bound by its number: nothing is copied twice.
const STAGE = `
  mount -t tmpfs tmpfs "$1"
  image=$2
  number=0
  cd "$1"
  shift 2
  for source; do
    if [ -d "$source" ]; then mkdir "$number"; else : >"$number"; fi
    mount --bind "$source" "$number"
    number=$((number + 1))
  done
  exec mke2fs -q -t ext4 -O ^has_journal -m 0 -d . "$image"`;

/**
 * Makes a disk with copies of files and directories of the host, to be given to a machine read-only; the n-th of
 * `sources` is `/n` on it. Needs root. Returns the disk's path.
 */
export function shareDisk(sources: string[], scratch: string): string {
  const disk = join(scratch, "share");
  const stage = join(scratch, "stage");
  mkdirSync(stage);
  writeFileSync(disk, "");
  truncateSync(disk, 4 * 2 ** 30);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  execFileSync("unshare", ["--mount", "sh", "-euc", STAGE, "share", stage, disk, ...sources], {
    env,
    stdio: "pipe",
  });
  return disk;
}

/** A shell script, for the machine's root, that shows the disk's files at their targets. */
export function mountScript(mounts: Mount[]): string {
  const lines = mounts.map(({ target }, number) => `show ${number} '${target}'`);
  return `set -eu
mkdir -p /srv/share && mount -o ro /dev/vdb /srv/share
show() {
  parents=$2
  [ -d "/srv/share/$1" ] || parents=$(dirname "$2")
  case $2 in
    /home/runner/*) setpriv --reuid 1001 --regid 1001 --clear-groups mkdir -p "$parents" ;;
    *) mkdir -p "$parents" ;;
  esac
  [ -e "$2" ] || : >"$2"
  mount --bind "/srv/share/$1" "$2"
}
${lines.join("\n")}
`;
}
