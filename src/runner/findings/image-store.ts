import { formatBytes } from "../../log.ts";
import type { Facts } from "../facts.ts";
import type { Finding } from "../finding.ts";
import { ok } from "./means.ts";

const name = "image store";

/** What podman's own files take. */
const leastBytes = 1_000_000;
const leastInodes = 100;
/** Less than many an image takes. */
const fewBytes = 1_000_000_000;

/** File systems of servers that know no subordinate ids, and refuse to give files to them. Names are stat(1)'s. */
const foreign = ["nfs", "nfs4", "cifs", "smb", "smb2", "smbfs", "afs", "msdos", "exfat", "v9fs"];

/** Whether images can be kept there: rights, file system, bytes and inodes. */
export function imageStore({ storage, user }: Facts, singleId: boolean): Finding {
  const { directory, writable, fileSystem, freeBytes, freeInodes } = storage;
  const found = `${directory}: ${fileSystem}${freeBytes === undefined ? "" : `, ${formatBytes(freeBytes)} free`}`;
  // First, as a full one cannot be written to either.
  if (freeBytes !== undefined && freeBytes < leastBytes) {
    return {
      name,
      verdict: "failed",
      found,
      cause: `The file system of ${directory} is full: ${formatBytes(freeBytes)} are free, and podman needs ${formatBytes(leastBytes)} at least`,
      remedy: "Remove files from it, or give another file system with storage-root",
    };
  }
  if (freeInodes !== undefined && freeInodes < leastInodes) {
    return {
      name,
      verdict: "failed",
      found: `${found}, ${freeInodes} inodes`,
      cause: `The file system of ${directory} has no inodes for more files (${freeInodes} are free)`,
      remedy: "Remove files from it, or give another file system with storage-root",
    };
  }
  if (writable !== true) {
    return {
      name,
      verdict: "failed",
      found: `${directory}, not writable`,
      cause: `The image store cannot be made in ${directory} (${writable.error})`,
      remedy: `Give storage-root a directory that ${user.name ?? `uid ${user.uid}`} can write to`,
    };
  }
  if (foreign.includes(fileSystem) && !singleId) {
    return {
      name,
      verdict: "failed",
      found,
      cause: `The image store would be on ${fileSystem} (${directory}), where files cannot belong to subordinate ids`,
      remedy: "Give storage-root a directory on a disk of this machine",
    };
  }
  if (freeBytes !== undefined && freeBytes < fewBytes) {
    return {
      name,
      verdict: "note",
      found,
      cause: `The file system of ${directory} has only ${formatBytes(freeBytes)} free, which is little for images`,
      remedy: "Remove files from it, or give another file system with storage-root",
    };
  }
  return ok(name, found);
}
