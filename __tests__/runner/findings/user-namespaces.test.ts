import { expect, test } from "@jest/globals";
import { appArmor, profileName, renderProfile } from "../../../src/runner/findings/app-armor.ts";
import { meansOf } from "../../../src/runner/findings/means.ts";
import { userNamespaces } from "../../../src/runner/findings/user-namespaces.ts";
import type { Wishes } from "../../../src/runner/plan.ts";
import { machineFacts, noSudo, type Overrides, root, wishes } from "../../support/facts.ts";

const refusal = { error: "unshare: unshare failed: Operation not permitted" };
const full = { error: "unshare: unshare failed: No space left on device" };
const denied = { user: refusal, mount: refusal };

function find(overrides: Overrides) {
  const facts = machineFacts(overrides);
  return userNamespaces(facts, meansOf(facts));
}

test.each<[string, Overrides]>([
  ["all is allowed", {}],
  // What was tried says more than a setting.
  ["settings look bad and it works", { namespaces: { max: 0, unprivilegedClone: false }, chroot: true }],
  ["/proc can be mounted", { namespaces: { proc: true } }],
  // AppArmor's own finding says what comes of it.
  [
    "AppArmor restricts them",
    { namespaces: denied, appArmor: { enabled: true, restrictsUserNamespaces: true } },
  ],
])("they are ok where %s", (_, overrides) => {
  expect(find(overrides).verdict).toBe("ok");
});

test.each<[string, Overrides, [string, string][]]>([
  [
    "none is allowed",
    { namespaces: { max: 0, user: full, mount: full } },
    [["user.max_user_namespaces=15000", "user.max_user_namespaces=0"]],
  ],
  [
    "all that are allowed are there",
    { namespaces: { max: 3, user: full, mount: full } },
    [["user.max_user_namespaces=15003", "user.max_user_namespaces=3"]],
  ],
  [
    "only root may",
    { namespaces: { unprivilegedClone: false, ...denied } },
    [["kernel.unprivileged_userns_clone=1", "kernel.unprivileged_userns_clone=0"]],
  ],
  [
    "both",
    { namespaces: { max: 0, unprivilegedClone: false, ...denied } },
    [
      ["user.max_user_namespaces=15000", "user.max_user_namespaces=0"],
      ["kernel.unprivileged_userns_clone=1", "kernel.unprivileged_userns_clone=0"],
    ],
  ],
])("the kernel's settings are changed where %s, until post", (_, overrides, settings) => {
  const finding = find(overrides);
  expect(finding.verdict).toBe("change");
  expect(finding.actions).toEqual(
    settings.map(([wanted, former]) =>
      expect.objectContaining({
        step: { kind: "run", command: ["sysctl", "-w", wanted] },
        remedy: `sudo sysctl -w ${wanted}`,
        undo: [
          expect.objectContaining({
            step: { kind: "run", command: ["sysctl", "-w", former] },
            when: "always",
          }),
        ],
      }),
    ),
  );
});

test.each<[string, Overrides, string, string]>([
  [
    "none is allowed, without sudo",
    { namespaces: { max: 0, ...denied }, privileges: noSudo },
    "The kernel's settings allow no user namespace (user.max_user_namespaces is 0), and there is no sudo",
    "Run on the machine itself: sudo sysctl -w user.max_user_namespaces=15000",
  ],
  [
    "both settings say no, in a container without the right",
    {
      namespaces: { max: 0, unprivilegedClone: false, ...denied },
      container: "docker",
      privileges: { bounding: ["setuid"] },
    },
    "The kernel's settings allow no user namespace (user.max_user_namespaces is 0, kernel.unprivileged_userns_clone is 0), and this container may not change it",
    "Run on the machine itself: sudo sysctl -w user.max_user_namespaces=15000 kernel.unprivileged_userns_clone=1",
  ],
  [
    "the kernel has none",
    { namespaces: { max: undefined, ...denied } },
    "The kernel 6.12.48-amd64 has no user namespaces",
    "Use a kernel that is built with CONFIG_USER_NS",
  ],
  [
    "this is a chroot, for root too",
    { ...root, namespaces: denied, chroot: true },
    "This process stands below a chroot, where the kernel creates no user namespace",
    "Start the runner by a program that uses pivot_root, such as systemd-nspawn, docker or podman",
  ],
  [
    "a seccomp filter refuses",
    { namespaces: denied, privileges: { seccomp: 2 } },
    "A seccomp filter refuses to create a user namespace (unshare: unshare failed: Operation not permitted)",
    "Remove RestrictNamespaces= and SystemCallFilter= from the unit of the runner's service",
  ],
  [
    "docker's seccomp filter refuses",
    { ...root, namespaces: denied, privileges: { ...root.privileges, seccomp: 2 }, container: "docker" },
    "A seccomp filter refuses to create a user namespace (unshare: unshare failed: Operation not permitted)",
    "Start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined",
  ],
  [
    "nothing that is known explains it",
    { namespaces: denied },
    "The kernel refuses to create a user namespace (unshare: unshare failed: Operation not permitted)",
    "Run unshare --user true as this user, and see in the kernel's log what refuses it",
  ],
  [
    "a seccomp filter refuses mounts",
    { namespaces: { user: true, mount: refusal }, privileges: { seccomp: 2 } },
    "A seccomp filter refuses to mount in a user namespace (unshare: unshare failed: Operation not permitted)",
    "Remove SystemCallFilter= from the unit of the runner's service",
  ],
  [
    "a pod's AppArmor profile refuses mounts",
    {
      namespaces: { user: true, mount: refusal },
      appArmor: { enabled: true, restrictsUserNamespaces: true, profile: "cri-containerd.apparmor.d" },
      container: "kubernetes",
    },
    "The AppArmor profile cri-containerd.apparmor.d refuses to mount in a user namespace (unshare: unshare failed: Operation not permitted)",
    "Give the container the securityContext {seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}, procMount: Unmasked}",
  ],
  [
    "nothing that is known refuses mounts",
    { namespaces: { user: true, mount: refusal } },
    "The kernel refuses to mount in a user namespace (unshare: unshare failed: Operation not permitted)",
    "Run unshare --user --map-root-user --mount mount -t tmpfs tmpfs /tmp as this user, and see in the kernel's log what refuses it",
  ],
  [
    "parts of /proc are hidden",
    { namespaces: { proc: { error: "mount: permission denied" } }, container: "podman" },
    "Parts of /proc are hidden here, so that no container can mount its own (mount: permission denied)",
    "Start the container with --security-opt seccomp=unconfined --security-opt label=disable --security-opt unmask=ALL",
  ],
])("they fail where %s", (_, overrides, cause, remedy) => {
  expect(find(overrides)).toMatchObject({ verdict: "failed", cause, remedy });
});

test("root is not asked for what is for users alone", () => {
  const finding = find({ ...root, namespaces: { unprivilegedClone: false, ...denied } });
  expect(finding).toMatchObject({ verdict: "failed", cause: expect.stringContaining("refuses to create") });
});

// --- AppArmor ---------------------------------------------------------------------------------------

const restricted = {
  enabled: true,
  restrictsUserNamespaces: true,
  abi4: true,
  parser: "/usr/sbin/apparmor_parser",
};
const tools = "/home/runner/work/_temp/podman-rootless/tools";
const ubuntu: Overrides = { namespaces: { user: true, mount: refusal }, appArmor: restricted };

function findAppArmor(overrides: Overrides, mode: Wishes["appArmor"] = "profile", failed?: string[]) {
  const facts = machineFacts(overrides);
  return appArmor(facts, wishes({ appArmor: mode }), meansOf(facts, failed));
}

test.each<[string, Overrides, Wishes["appArmor"], string, string | undefined]>([
  ["there is none", {}, "profile", "ok off", undefined],
  [
    "it restricts nothing",
    { appArmor: { ...restricted, restrictsUserNamespaces: false } },
    "profile",
    "ok no",
    undefined,
  ],
  ["this user is let through", { appArmor: restricted }, "sysctl", "ok no", undefined],
  ["the user is root", { ...root, ...ubuntu }, "profile", "ok no", undefined],
  [
    "the user is a container's root",
    { ...root, ...ubuntu, privileges: { sudo: "root", sysAdmin: false }, container: "docker" },
    "profile",
    "failed user",
    undefined,
  ],
  [
    "sudo has a container's rights only",
    { ...ubuntu, privileges: { bounding: ["setuid"] }, container: "docker" },
    "profile",
    "failed user",
    undefined,
  ],
  [
    "this process has another profile",
    { ...ubuntu, container: "docker", appArmor: { ...restricted, profile: "docker-default" } },
    "profile",
    "ok no",
    undefined,
  ],
  ["there is a parser", ubuntu, "profile", "change user", tools],
  [
    "there is no parser",
    { ...ubuntu, appArmor: { ...restricted, parser: undefined } },
    "profile",
    "hint user",
    undefined,
  ],
  [
    "the parser is old",
    { ...ubuntu, appArmor: { ...restricted, abi4: false } },
    "profile",
    "hint user",
    undefined,
  ],
  ["sysctl is asked for", ubuntu, "sysctl", "change kernel.apparmor_restrict_unprivileged_userns", undefined],
  ["off is asked for", ubuntu, "off", "hint user", undefined],
  ["there is no sudo", { ...ubuntu, privileges: noSudo }, "profile", "failed user", undefined],
  [
    "there is no sudo, and off is asked for",
    { ...ubuntu, privileges: noSudo },
    "off",
    "failed user",
    undefined,
  ],
])("AppArmor where %s", (_, overrides, mode, expected, directory) => {
  const { finding, tools } = findAppArmor(overrides, mode);
  expect(`${finding.verdict} ${finding.found.split(" ")[0]}`).toBe(expected);
  expect(tools).toBe(directory);
});

test("without sudo, AppArmor is the cause", () => {
  expect(findAppArmor({ ...ubuntu, privileges: { sudo: "password" } }).finding).toMatchObject({
    cause:
      "AppArmor keeps user namespaces from programs without a profile (kernel.apparmor_restrict_unprivileged_userns is 1), and sudo asks for a password",
    remedy:
      "Allow sudo without a password, or run on the machine: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  });
});

test("the profile is for copies of two programs, and goes in post", () => {
  const actions = findAppArmor(ubuntu).finding.actions ?? [];
  expect(actions.map(({ step }) => step)).toEqual([
    { kind: "copy", program: "unshare", to: `${tools}/unshare` },
    { kind: "copy", program: "nsenter", to: `${tools}/nsenter` },
    { kind: "write", path: `${tools}/profile`, text: renderProfile(tools) },
    { kind: "run", command: ["/usr/sbin/apparmor_parser", "--replace", "--skip-cache", `${tools}/profile`] },
  ]);
  expect(actions.flatMap(({ undo = [] }) => undo).map(({ step, when }) => [step, when])).toEqual([
    [{ kind: "remove", path: `${tools}/unshare` }, "always"],
    [{ kind: "remove", path: `${tools}/nsenter` }, "always"],
    [{ kind: "remove", path: `${tools}/profile` }, "always"],
    [{ kind: "run", command: ["/usr/sbin/apparmor_parser", "--remove", `${tools}/profile`] }, "always"],
  ]);
});

test("once the actions are done, the profile is in use, or sudo where it did not load", () => {
  expect(findAppArmor(ubuntu, "profile", [])).toEqual({
    finding: { name: "AppArmor", verdict: "ok", found: `profile ${profileName(tools)}` },
    tools,
  });
  const [load] = findAppArmor(ubuntu).finding.actions?.filter(({ optional }) => optional) ?? [];
  expect(findAppArmor(ubuntu, "profile", [load?.name ?? ""])).toEqual({
    finding: expect.objectContaining({ verdict: "hint", found: expect.stringContaining("by sudo") }),
    tools: undefined,
  });
  expect(findAppArmor(ubuntu, "sysctl", []).finding).toMatchObject({ verdict: "failed" });
});

test("a profile's text", () => {
  expect(renderProfile("/home/runner/work/_temp/podman-rootless/tools")).toBe(`abi <abi/4.0>,

profile podman-rootless-${profileName(tools).slice(-12)} "${tools}/{unshare,nsenter}" flags=(unconfined) {
  userns,
}
`);
  expect(renderProfile('/a b/*?[x]{y}^"\\')).toContain(
    '"/a b/\\*\\?\\[x\\]\\{y\\}\\^\\"\\\\/{unshare,nsenter}"',
  );
  expect(profileName("/a")).not.toBe(profileName("/b"));
});
