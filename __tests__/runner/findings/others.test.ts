import { expect, test } from "@jest/globals";
import type { Finding } from "../../../src/runner/finding.ts";
import { cgroups } from "../../../src/runner/findings/cgroups.ts";
import { idMaps } from "../../../src/runner/findings/id-maps.ts";
import { machine } from "../../../src/runner/findings/machine.ts";
import { meansOf } from "../../../src/runner/findings/means.ts";
import { network } from "../../../src/runner/findings/network.ts";
import { nix } from "../../../src/runner/findings/nix.ts";
import { session } from "../../../src/runner/findings/session.ts";
import { home, user } from "../../../src/runner/findings/user.ts";
import { machineFacts, nameless, noSudo, type Overrides, root } from "../../support/facts.ts";

type Case = [string, Overrides, Finding["verdict"], RegExp];

/** What a table expects of `found`, or of cause and remedy. */
function check(finding: Finding, verdict: Finding["verdict"], words: RegExp): void {
  expect(finding.verdict).toBe(verdict);
  expect(`${finding.found} | ${finding.cause}. ${finding.remedy}.`).toMatch(words);
}

const noMapper = { path: undefined, privileged: false };
const plainMapper = { path: "/usr/bin/newgidmap", privileged: false };

test.each<Case>([
  ["both programs are fit", {}, "ok", /^newuidmap, newgidmap/],
  ["they are fit and there is no sudo", { privileges: noSudo }, "ok", /^newuidmap, newgidmap/],
  ["one is missing", { mappers: { uid: noMapper } }, "ok", /^root \(newuidmap is not installed\)/],
  [
    "one is not setuid",
    { mappers: { gid: plainMapper } },
    "ok",
    /^root \(\/usr\/bin\/newgidmap is not setuid/,
  ],
  [
    "one is missing and there is no sudo",
    { mappers: { gid: noMapper }, privileges: noSudo },
    "failed",
    /Nobody can write the id maps: newgidmap is not installed, and there is no sudo\. Install the package uidmap \(on Fedora, shadow-utils\), or allow sudo without a password\.$/,
  ],
  [
    "one is not setuid and sudo asks",
    { mappers: { gid: plainMapper }, privileges: { sudo: "password" } },
    "failed",
    /\/usr\/bin\/newgidmap is not setuid root and has no capability, and sudo asks for a password\. Run beforehand: sudo chmod u\+s \/usr\/bin\/newgidmap /,
  ],
  [
    "NoNewPrivs is set",
    { privileges: { noNewPrivs: true } },
    "failed",
    /NoNewPrivs is set for this process, so that sudo and newuidmap have no effect\. Remove NoNewPrivileges=/,
  ],
  [
    "NoNewPrivs is set in a container",
    { privileges: { noNewPrivs: true }, container: "docker" },
    "failed",
    /Start the container without --security-opt no-new-privileges\.$/,
  ],
  [
    "NoNewPrivs is set in a pod",
    { privileges: { noNewPrivs: true }, container: "kubernetes" },
    "failed",
    /allowPrivilegeEscalation: true\}\.$/,
  ],
  ["root has NoNewPrivs", { ...root, privileges: { sudo: "root", noNewPrivs: true } }, "ok", /^newuidmap/],
  [
    "root's programs, as sudo runs them, have not all rights",
    { mappers: { uid: noMapper }, privileges: { bounding: ["setuid", "setgid"] } },
    "failed",
    /newuidmap is not installed, and sudo gives no CAP_SYS_ADMIN here\. Install the package uidmap/,
  ],
  [
    "the programs are fit and sudo's are not",
    { privileges: { bounding: ["setuid", "setgid"] } },
    "ok",
    /^newuidmap, newgidmap/,
  ],
  ["root has no programs", { ...root, mappers: { uid: noMapper, gid: noMapper } }, "ok", /^root/],
  [
    "the user has no name",
    nameless,
    "failed",
    /newuidmap serves no user without a name, and sudo refuses \(sudo: you do not exist in the passwd database\)\. Use a user that is in \/etc\/passwd/,
  ],
  [
    "CAP_SETUID cannot be had",
    { ...root, privileges: { sudo: "root", bounding: ["setgid"] }, container: "kubernetes" },
    "failed",
    /CAP_SETUID or CAP_SETGID is not in the bounding set of this process\. Give .*\[SETUID, SETGID\]\}\}\.$/,
  ],
])("id maps where %s", (_, overrides, verdict, words) => {
  const facts = machineFacts(overrides);
  check(idMaps(facts, meansOf(facts)), verdict, words);
});

test.each<Case>([
  ["it has a name", {}, "ok", /^runner \(uid 1001\)/],
  ["it is root", root, "ok", /^root \(uid 0\)/],
  ["root has no name", { ...root, user: { ...root.user, name: undefined } }, "ok", /^uid 0, without/],
  ["its uid is large", { user: { uid: 2_000_000 } }, "ok", /^runner \(uid 2000000\)/],
  [
    "it has no name",
    nameless,
    "failed",
    /The uid 4242 is not in \/etc\/passwd, so that neither sudo nor newuidmap serves it\. Add it beforehand: useradd --uid 4242 /,
  ],
])("the user where %s", (_, overrides, verdict, words) => {
  const facts = machineFacts(overrides);
  check(user(facts, false, meansOf(facts)), verdict, words);
});

const unwritable = { error: "EROFS: read-only file system" };

test.each<Case>([
  ["it can be written to", {}, "ok", /^\/home\/runner \|/],
  [
    "it cannot, and the image store is elsewhere",
    { user: { homeWritable: unwritable } },
    "hint",
    /The home directory \/home\/runner cannot be written to \(EROFS: read-only file system\)/,
  ],
  [
    "it cannot, and nor can the image store",
    { user: { homeWritable: unwritable }, storage: { writable: unwritable } },
    "ok",
    /not writable/,
  ],
])("home where %s", (_, overrides, verdict, words) => {
  check(home(machineFacts(overrides)), verdict, words);
});

test.each<Case>([
  ["/dev/net/tun is there", {}, "ok", /^\/dev\/net\/tun/],
  ["it is absent", { devices: { tun: "absent" } }, "change", /^there is no \/dev\/net\/tun/],
  ["it is denied", { devices: { tun: "denied" } }, "change", /may not be opened/],
  [
    "it is absent and there is no sudo",
    { devices: { tun: "absent" }, privileges: noSudo },
    "note",
    /Containers share the host's network unless --network says otherwise, as there is no \/dev\/net\/tun, and there is no sudo\. Run beforehand: sudo modprobe tun\.$/,
  ],
  [
    "it is denied and there is no sudo",
    { devices: { tun: "denied" }, privileges: noSudo },
    "note",
    /Run beforehand: sudo chmod 0666 \/dev\/net\/tun\.$/,
  ],
  [
    "a container may make no devices",
    { ...root, devices: { tun: "absent" }, privileges: { sudo: "root", bounding: [] }, container: "docker" },
    "note",
    /this container may make no devices\. Start the container with --device \/dev\/net\/tun\.$/,
  ],
])("the network where %s", (_, overrides, verdict, words) => {
  const facts = machineFacts(overrides);
  check(network(facts, meansOf(facts)), verdict, words);
});

test.each<Case>([
  ["all is delegated", {}, "ok", /^v2, with cpu, memory, pids/],
  [
    "the user's systemd has them",
    {
      cgroups: { writable: false, controllers: [], delegated: ["cpu", "memory", "pids"] },
      session: { bus: "unix:path=/run/user/1001/bus" },
    },
    "ok",
    /^v2, with cpu, memory, pids/,
  ],
  [
    "the user's systemd has some",
    { cgroups: { delegated: ["memory", "pids"] }, session: { bus: "unix:path=/run/user/1001/bus" } },
    "hint",
    /^v2, without cpu \|/,
  ],
  [
    "the user's systemd cannot be reached",
    { cgroups: { writable: false, delegated: ["cpu", "memory", "pids"] } },
    "hint",
    /^v2, without cpu, memory, pids/,
  ],
  [
    "nothing is delegated",
    { cgroups: { writable: false } },
    "hint",
    /with cpu, memory, pids\. Run beforehand/,
  ],
  ["one is not", { cgroups: { controllers: ["memory", "pids"] } }, "hint", /^v2, without cpu \|/],
  [
    "they are hybrid",
    { cgroups: { mode: "hybrid" } },
    "hint",
    /this machine has \(hybrid\)\. Start the machine/,
  ],
  ["they are of version 1", { cgroups: { mode: "v1" }, container: "docker" }, "hint", /--cgroupns private/],
  ["there are none", { cgroups: { mode: "none" } }, "hint", /\(none\)/],
])("cgroups where %s", (_, overrides, verdict, words) => {
  check(cgroups(machineFacts(overrides)), verdict, words);
});

test.each<Case>([
  ["the variable is right", { session: { runtimeDirectory: "/run/x" } }, "ok", /^\/run\/x, no bus/],
  ["there is a bus", { session: { bus: "unix:path=/x" } }, "ok", /^\/run\/user\/1001, with a bus/],
  [
    "the variable is wrong",
    { session: { runtimeDirectory: "/x", runtimeUsable: false } },
    "ok",
    /^\/run\/user\/1001/,
  ],
  [
    "it is not set",
    { session: { runtimeDirectory: undefined, runtimeUsable: false } },
    "ok",
    /^\/run\/user\/1001/,
  ],
  [
    "there is none",
    { session: { runtimeDirectory: undefined, runtimeUsable: false, defaultUsable: false, linger: false } },
    "ok",
    /^\/tmp\/podman-rootless-1001/,
  ],
  ["there is no systemd", { session: { linger: undefined } }, "ok", /^\/run\/user\/1001, no bus/],
  ["lingering is off", { session: { linger: false } }, "hint", /sudo loginctl enable-linger runner\.$/],
])("the session where %s", (_, overrides, verdict, words) => {
  check(session(machineFacts(overrides)), verdict, words);
});

const noNix = (directory: "own" | "other" | "absent") => ({ program: undefined, directory });

test.each<Case>([
  ["it is there", {}, "ok", /^2\.34\.7/],
  ["it is there and /nix is another user's", { nix: { directory: "other" } }, "ok", /^2\.34\.7/],
  ["/nix is the user's", { nix: noNix("own"), privileges: noSudo }, "ok", /^to be installed in \/nix/],
  ["/nix can be made", { nix: noNix("absent") }, "ok", /^to be installed/],
  [
    "/nix cannot be made",
    { nix: noNix("absent"), privileges: noSudo },
    "ok",
    /^to be installed below the home directory, as there is no sudo/,
  ],
  [
    "/nix is another user's",
    { nix: noNix("other") },
    "ok",
    /^to be installed below the home directory, as \/nix is another user's/,
  ],
])("Nix where %s", (_, overrides, verdict, words) => {
  const facts = machineFacts(overrides);
  check(nix(facts, meansOf(facts)), verdict, words);
});

test("what podman does not depend on is shown", () => {
  const found = (overrides: Overrides) => machine(machineFacts(overrides)).map((one) => one.found);
  expect(found({})).toEqual(["6.12.48-amd64 x86_64", "none", "passwordless", "none"]);
  expect(
    found({
      container: "lxc",
      privileges: { noNewPrivs: true },
      hostPodman: { path: "/usr/bin/podman", version: "5.4.2" },
    }),
  ).toEqual(["6.12.48-amd64 x86_64", "lxc", "no effect (NoNewPrivs)", "5.4.2, not used"]);
});
