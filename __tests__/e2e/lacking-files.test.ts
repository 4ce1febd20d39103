import { testCases } from "../support/world/lacking-table.ts";

const overlay = (why: string) =>
  `Instead of fuse-overlayfs the kernel's overlay is used (${why}). Run beforehand: sudo`;
const vfs =
  "Instead of fuse-overlayfs vfs is used, which copies all of an image for each of its layers and each container: slower, and more space";
const elsewhere = "Give storage-root a directory on another file system such as ext4 or xfs.";

testCases([
  { lacks: ["no /dev/fuse"], works: "fuse-overlayfs" },
  {
    lacks: ["no /dev/fuse", "no sudo"],
    works: "overlay",
    warns: [`${overlay("there is no /dev/fuse, and there is no sudo")} modprobe fuse.`],
  },
  {
    lacks: ["no /dev/fuse", "a read-only /dev"],
    works: "overlay",
    warns: [
      `${overlay("there is no /dev/fuse, and what was done about it as root did not help")} modprobe fuse.`,
    ],
  },
  { lacks: ["/dev/fuse is root's"], works: "fuse-overlayfs" },
  {
    lacks: ["/dev/fuse is root's", "no sudo"],
    works: "overlay",
    warns: [
      `${overlay("/dev/fuse is there and may not be opened, and there is no sudo")} chmod 0666 /dev/fuse.`,
    ],
  },
  { lacks: ["no /dev/fuse", "no sudo"], inputs: { "storage-driver": "auto" }, works: "overlay" },
  {
    lacks: ["no /dev/fuse", "no sudo", "a home on overlay"],
    inputs: { "storage-driver": "auto" },
    works: "vfs",
    warns: [`${vfs} (there is no /dev/fuse, and there is no sudo). Run beforehand: sudo modprobe fuse.`],
  },
  {
    lacks: ["a home on overlay"],
    inputs: { "storage-driver": "overlay" },
    fails: `The kernel's overlay cannot be used for the image store: mount: /home/runner/target: fsconfig() failed: overlay: filesystem on /home/runner/upper not supported as upperdir. Give storage-driver: auto, or a storage-root on another file system such as ext4 or xfs.`,
  },
  { lacks: ["a home on overlay"], works: "fuse-overlayfs" },
  { lacks: ["a home on tmpfs"], works: "fuse-overlayfs" },
  {
    lacks: ["a home without xattrs"],
    works: "vfs",
    warns: [`${vfs} (/home/runner has no extended attributes (Operation not supported)). ${elsewhere}`],
  },
  {
    lacks: ["a read-only home"],
    fails:
      "The image store cannot be made in /home/runner (read-only file system). Give storage-root a directory that runner can write to.",
  },
  {
    lacks: ["a read-only home"],
    inputs: { "storage-root": "/var/tmp/store" },
    works: "fuse-overlayfs",
  },
  {
    lacks: ["a full disk"],
    fails:
      "The file system of /home/runner is full: 0 B are free, and podman needs 1.0 MB at least. Remove files from it, or give another file system with storage-root.",
  },
  {
    lacks: ["no inodes"],
    fails:
      "The file system of /home/runner has no inodes for more files (0 are free). Remove files from it, or give another file system with storage-root.",
  },
  { lacks: ["no runtime directory"], works: "fuse-overlayfs" },
  { lacks: ["an unwritable runtime directory"], works: "fuse-overlayfs" },
]);
