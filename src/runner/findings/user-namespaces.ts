import type { Facts, Probe } from "../facts.ts";
import type { Action, Finding } from "../finding.ts";
import { byContainer, canHave, change, type Means, ok } from "./means.ts";

const name = "user namespaces";

/** As many as distributions allow on small machines; podman needs a handful. */
const plenty = 15_000;

const limit = "user.max_user_namespaces";
const clone = "kernel.unprivileged_userns_clone";

/** Whether this user can create a user namespace, mount in it, and mount /proc for a container. */
export function userNamespaces(facts: Facts, means: Means): Finding {
  const { namespaces, chroot } = facts;
  const { user, mount, proc = true } = namespaces;
  if (user === true && mount === true) return proc === true ? ok(name, "allowed") : hiddenProc(facts, proc);
  if (namespaces.max === undefined) {
    return {
      name,
      verdict: "failed",
      found: "none in this kernel",
      cause: `The kernel ${facts.kernel.release} has no user namespaces`,
      remedy: "Use a kernel that is built with CONFIG_USER_NS",
    };
  }
  if (chroot) {
    return {
      name,
      verdict: "failed",
      found: "refused below a chroot",
      cause: "This process stands below a chroot, where the kernel creates no user namespace",
      remedy: "Start the runner by a program that uses pivot_root, such as systemd-nspawn, docker or podman",
    };
  }
  const settings = switchedOff(facts);
  if (settings.length > 0) return switchOn(facts, means, settings);
  if (isAppArmor(facts)) return ok(name, "left to AppArmor's restriction, below");
  return user === true ? refusedMount(facts, mount) : refused(facts, user);
}

/**
 * Whether AppArmor's restriction of user namespaces explains that a probe failed: then it is this finding's matter
 * and not the namespaces'.
 */
export const isAppArmor = ({ privileges, namespaces, appArmor, container }: Facts): boolean =>
  appArmor.restrictsUserNamespaces &&
  // A container's profile refuses by itself, and keeps its programs from taking another one.
  (appArmor.profile === undefined || container === undefined) &&
  !privileges.sysAdmin &&
  (namespaces.user !== true || namespaces.mount !== true);

interface Setting {
  key: string;
  value: number;
  wanted: number;
}

/** The kernel's settings that keep this user from user namespaces. */
function switchedOff({ namespaces, user }: Facts): Setting[] {
  const { max = plenty, unprivilegedClone } = namespaces;
  const settings: Setting[] = [];
  // ENOSPC: there is a limit, and it is reached.
  const full = namespaces.user !== true && /no space left/i.test(namespaces.user.error);
  if (max === 0 || full) settings.push({ key: limit, value: max, wanted: max + plenty });
  // It is for those without CAP_SYS_ADMIN.
  if (unprivilegedClone === false && user.uid !== 0) settings.push({ key: clone, value: 0, wanted: 1 });
  return settings;
}

function switchOn(facts: Facts, means: Means, settings: readonly Setting[]): Finding {
  const found = settings.map(({ key, value }) => `${key} is ${value}`).join(", ");
  const words = settings.map(({ key, wanted }) => `${key}=${wanted}`).join(" ");
  const obstacle =
    means.obstacle ?? (canHave(facts, "sys_admin") ? undefined : "this container may not change it");
  if (obstacle === undefined) return change(name, found, settings.map(sysctl));
  return {
    name,
    verdict: "failed",
    found,
    cause: `The kernel's settings allow no user namespace (${found}), and ${obstacle}`,
    remedy: `Run on the machine itself: sudo sysctl -w ${words}`,
  };
}

/** Changes a setting of the kernel until the job ends. */
export function sysctl({ key, value, wanted }: Setting): Action {
  return {
    name: `Set ${key} to ${wanted}`,
    step: { kind: "run", command: ["sysctl", "-w", `${key}=${wanted}`] },
    remedy: `sudo sysctl -w ${key}=${wanted}`,
    undo: [
      {
        name: `Set ${key} to ${value} again`,
        step: { kind: "run", command: ["sysctl", "-w", `${key}=${value}`] },
        when: "always",
      },
    ],
  };
}

const wordsOf = (probe: Probe): string => (probe === true ? "" : probe.error);

/** Who stands between this process and a user namespace, as far as it is known. */
function refuser({ privileges, appArmor }: Facts): string {
  if (privileges.seccomp === 2) return "A seccomp filter";
  return appArmor.profile === undefined ? "The kernel" : `The AppArmor profile ${appArmor.profile}`;
}

function refused(facts: Facts, probe: Probe): Finding {
  return {
    name,
    verdict: "failed",
    found: "refused",
    cause: `${refuser(facts)} refuses to create a user namespace (${wordsOf(probe)})`,
    remedy: allow(
      facts,
      facts.privileges.seccomp === 2
        ? "Remove RestrictNamespaces= and SystemCallFilter= from the unit of the runner's service"
        : "Run unshare --user true as this user, and see in the kernel's log what refuses it",
    ),
  };
}

function refusedMount(facts: Facts, probe: Probe): Finding {
  return {
    name,
    verdict: "failed",
    found: "no mount in them",
    cause: `${refuser(facts)} refuses to mount in a user namespace (${wordsOf(probe)})`,
    remedy: allow(
      facts,
      facts.privileges.seccomp === 2
        ? "Remove SystemCallFilter= from the unit of the runner's service"
        : "Run unshare --user --map-root-user --mount mount -t tmpfs tmpfs /tmp as this user, and see in the kernel's log what refuses it",
    ),
  };
}

function hiddenProc(facts: Facts, probe: Probe): Finding {
  return {
    name,
    verdict: "failed",
    found: "parts of /proc are hidden",
    cause: `Parts of /proc are hidden here, so that no container can mount its own (${wordsOf(probe)})`,
    remedy: allow(facts, "Unmount what is mounted below /proc"),
  };
}

/** What lets podman run in a container: its engine keeps these things from it by itself. */
function allow({ container }: Facts, machine: string): string {
  return byContainer(container, {
    docker:
      "Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined",
    podman:
      "Start the container with --security-opt seccomp=unconfined --security-opt label=disable --security-opt unmask=ALL",
    kubernetes:
      "Give the container the securityContext {seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}, procMount: Unmasked}",
    machine,
  });
}
