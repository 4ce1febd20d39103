import { testCases } from "../support/world/lacking-table.ts";

const byHand = "Run beforehand: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 runner.";
const none = "runner has no range of 65536 subordinate ids in /etc/subuid and /etc/subgid";

testCases([
  { lacks: [], works: "fuse-overlayfs" },
  { lacks: ["no newuidmap"], works: "fuse-overlayfs" },
  {
    lacks: ["no newuidmap", "no sudo"],
    fails:
      "Nobody can write the id maps: newuidmap is not installed, and there is no sudo. Install the package uidmap (on Fedora, shadow-utils), or allow sudo without a password.",
  },
  {
    lacks: ["no newuidmap", "sudo asks for a password"],
    fails:
      "Nobody can write the id maps: newuidmap is not installed, and sudo asks for a password. Install the package uidmap (on Fedora, shadow-utils), or allow sudo without a password.",
  },
  { lacks: ["newuidmap is not setuid"], works: "fuse-overlayfs" },
  {
    lacks: ["newuidmap is not setuid", "no sudo"],
    fails:
      "Nobody can write the id maps: /usr/bin/newuidmap is not setuid root and has no capability, and there is no sudo. Run beforehand: sudo chmod u+s /usr/bin/newuidmap (on a file system that is not mounted nosuid), or allow sudo without a password.",
  },
  { lacks: ["no subordinate ids"], works: "fuse-overlayfs" },
  { lacks: ["no subordinate ids", "no usermod"], works: "fuse-overlayfs" },
  { lacks: ["no subordinate ids", "no sudo"], fails: `${none}, and there is no sudo. ${byHand}` },
  {
    lacks: ["no subordinate ids", "sudo asks for a password"],
    fails: `${none}, and sudo asks for a password. ${byHand}`,
  },
  {
    lacks: ["no subordinate ids", "a read-only /etc"],
    fails: `${none}, and /etc is read-only. Add the line runner:100000:65536 to them in the image or the system's configuration.`,
  },
  {
    lacks: ["no subordinate ids", "no sudo"],
    inputs: { "allow-single-id": "true" },
    works: "vfs",
    warns: [
      `Containers have the user's own id alone, so that images with files of other users and programs that change user may fail (${none}, and there is no sudo). ${byHand}`,
    ],
  },
  { lacks: ["no /etc/subuid"], works: "fuse-overlayfs" },
  { lacks: ["no /etc/subuid", "no usermod"], works: "fuse-overlayfs" },
  { lacks: ["1000 subordinate ids"], works: "fuse-overlayfs" },
  {
    lacks: ["1000 subordinate ids", "no sudo"],
    fails: `${none}, and there is no sudo. ${byHand.replaceAll("100000-165535", "101000-166535")}`,
  },
  {
    lacks: ["another's subordinate ids"],
    works: "fuse-overlayfs",
    warns: [
      "The subordinate ids runner:100000:65536 overlap daemon:100000:65536 in /etc/subuid: containers of these users can reach each other's files. Give one of the two users another range.",
    ],
  },
]);
