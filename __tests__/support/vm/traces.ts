import type { VirtualMachine } from "./machine.ts";

/**
 * What a job could leave on a machine, a line each: files of /etc with their digests, what is in / and in the user's
 * home, mounts, loop devices, AppArmor's profiles, settings of the kernel, the modes of devices.
 */
const LIST = `
  find /etc -xdev -type f -exec sha256sum {} +
  find /etc -xdev -type l -printf 'link %p %l\\n'
  find / /home/runner /home/runner/.local /home/runner/.config /var/lib /opt -mindepth 1 -maxdepth 1 -printf 'entry %p %u\\n' 2>/dev/null || :
  find /tmp /var/tmp /dev/shm /run/user -mindepth 1 -printf 'temporary %p\\n'
  findmnt --raw --noheadings --output TARGET,FSTYPE | sed 's/^/mount /'
  losetup --list --noheadings --raw --output NAME,BACK-FILE | sed 's/^/loop /'
  sed 's/^/profile /' /sys/kernel/security/apparmor/profiles
  sysctl kernel.apparmor_restrict_unprivileged_userns kernel.unprivileged_userns_clone user.max_user_namespaces
  stat --format 'device %n %a' /dev/fuse /dev/net/tun`;

/** Comes and goes by itself: the user's session, systemd's private directories. */
const ITSELF = /^(mount|temporary) \/run\/user|systemd-private|\/run\/credentials|binfmt_misc|automount/;

export async function readTraces(machine: VirtualMachine): Promise<string[]> {
  const lines = (await machine.root(LIST)).split("\n");
  return lines.filter((line) => !ITSELF.test(line)).sort();
}

/** What is there now and was not, or the reverse, a line each; empty: nothing. */
export function difference(before: readonly string[], after: readonly string[]): string {
  const gone = before.filter((line) => !after.includes(line)).map((line) => `- ${line}`);
  const added = after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...added].join("\n");
}
