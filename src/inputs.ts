import { getInput, setSecret, warning } from "@actions/core";
import { refuseContradictions } from "./contradictions.ts";
import { bytes, invalid, lines, matching, oneOf, type Read, yesOrNo } from "./input-values.ts";
import { misspeltInputs } from "./misspelt.ts";
import { type NixInputs, nix } from "./nix-inputs.ts";

export type { NixInputs } from "./nix-inputs.ts";

export const storageDrivers = ["fuse-overlayfs", "overlay", "vfs"] as const;
export type StorageDriver = (typeof storageDrivers)[number];

export const appArmorModes = ["profile", "sysctl", "off"] as const;
export type AppArmorMode = (typeof appArmorModes)[number];

export const cacheModes = ["auto", "true", "read-only", "false"] as const;
export type CacheMode = (typeof cacheModes)[number];

export const pullPolicies = ["missing", "newer"] as const;
export type PullPolicy = (typeof pullPolicies)[number];

/** The inputs of action.yml, checked. */
export interface Inputs {
  /** Flake reference, perhaps with `#attribute`; undefined: the action's own flake. */
  flake: string | undefined;
  nix: NixInputs;
  runner: RunnerInputs;
  /** Graph root as given; undefined: the action chooses one. */
  storageRoot: string | undefined;
  cache: CacheInputs;
  /** Names of images to have in the store. */
  images: string[];
  pull: PullPolicy;
  /** Whether to serve podman's API on a Unix socket. */
  socket: boolean;
  /** Whether to put podman, buildah and skopeo on PATH. */
  addToPath: boolean;
  /** Whether to put a command `docker` on PATH. */
  dockerShim: boolean;
  /** Whether to show all that is known of the machine. */
  doctor: boolean;
  /** Whether to write a job summary. */
  summary: boolean;
  /** Whether what a next job can use stays on the machine. */
  keep: boolean;
}

/** How the machine is made ready. */
export interface RunnerInputs {
  /** `auto`: the first of overlay, fuse-overlayfs and vfs that works. */
  storageDriver: StorageDriver | "auto";
  /** The range of subordinate ids to use and no other; undefined: the user's own, or a free one. */
  subordinateIds: { start: number; count: number } | undefined;
  /** How programs of ours are let past AppArmor's restriction of user namespaces. */
  appArmor: AppArmorMode;
  /** Whether podman may run with the user's own id alone, where there are no subordinate ids. */
  allowSingleId: boolean;
}

export interface CacheInputs {
  mode: CacheMode;
  /** Of the cached store. */
  name: string;
  /** Segments are unpacked even where they could be mounted. */
  unpack: boolean;
  /** Patterns of the names of images to keep; none: all. */
  images: string[];
  /** Bytes that the segments of a chain may take together. */
  limit: number;
  /** Save after a failed job too. */
  onFailure: boolean;
  /** Without a cached store the job fails. */
  failOnMiss: boolean;
  /** Only tell whether there is a cached store. */
  lookupOnly: boolean;
  /** Seconds that saving may take. */
  saveSeconds: number;
  /** Whether the cache mounts of builds are cached. */
  cacheMounts: boolean;
  /** Names of volumes to cache. */
  cacheVolumes: string[];
}

const repository = "github:es-nix/podman-rootless";

/**
 * Reads the step's inputs, and warns of what looks like one that is misspelt.
 *
 * @param read gives the value of an input, empty when it was not set
 * @param variables names of the step's environment variables
 * @throws {Error} naming the input, its value and what was expected
 */
export function loadInputs(
  read: Read = getInput,
  variables: readonly string[] = Object.keys(process.env),
): Inputs {
  // Post reads this one.
  const known = new Set(["job-status"]);
  const inputs = readInputs((name) => {
    known.add(name);
    return read(name);
  });
  refuseContradictions(inputs);
  for (const { given, meant } of misspeltInputs(variables, known)) {
    warning(`Unknown input '${given}'. Did you mean ${meant}?`);
  }
  return inputs;
}

function readInputs(read: Read): Inputs {
  const githubToken = read("github-token");
  if (githubToken !== "") setSecret(githubToken);
  // It is a word of nix.conf(5).
  if (/[\s\p{Cc}]/u.test(githubToken))
    throw new Error("Invalid github-token: it has blanks or line breaks in it. Give the token alone.");
  return {
    flake: flake(read("flake"), read("rev")),
    nix: nix(read, githubToken),
    runner: runner(read),
    storageRoot: storageRoot(read("storage-root")),
    cache: cache(read),
    images: lines(read("images")).map(imageName),
    pull: oneOf(read, "pull", pullPolicies),
    socket: yesOrNo(read, "socket"),
    addToPath: yesOrNo(read, "add-to-path"),
    dockerShim: yesOrNo(read, "docker-shim"),
    doctor: yesOrNo(read, "doctor"),
    summary: yesOrNo(read, "summary"),
    keep: yesOrNo(read, "keep"),
  };
}

function flake(reference: string, rev: string): string | undefined {
  if (rev !== "") {
    if (reference !== "") throw new Error(`Give flake or rev, not both: rev is a revision of ${repository}`);
    if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/.test(rev) || rev.includes("..")) {
      throw invalid("rev", rev, `a commit, tag or branch of ${repository}`);
    }
    return `${repository}/${rev}`;
  }
  if (reference === "") return undefined;
  // A URL with a scheme of Nix's, a path, or an entry of the registry: see "Flake references" in Nix's manual.
  const url =
    /^(github|gitlab|sourcehut|git|git\+(https|http|ssh|file)|hg\+(https|http|ssh|file)|path|tarball|tarball\+(https|http|file)|https|http|file|file\+(https|http|file)|flake):[^\s]+$/;
  const path = /^\.{0,2}\/[^\s:]*$|^\.{1,2}([?#][^\s]*)?$/;
  const indirect = /^[A-Za-z][\w-]*(\/[\w.-]+){0,2}([?#][^\s]*)?$/;
  if (!url.test(reference) && !path.test(reference) && !indirect.test(reference)) {
    throw invalid("flake", reference, `a flake reference such as ${repository} or path:./nix`);
  }
  return reference;
}

/** What the inputs say of the machine; doctor's options have the same names. */
export function runner(read: Read): RunnerInputs {
  return {
    storageDriver: oneOf(read, "storage-driver", ["auto", ...storageDrivers]),
    subordinateIds: subordinateIds(read("subordinate-ids")),
    appArmor: oneOf(read, "apparmor", appArmorModes),
    allowSingleId: yesOrNo(read, "allow-single-id"),
  };
}

/** The fields of subuid(5) after the name. */
function subordinateIds(value: string): RunnerInputs["subordinateIds"] {
  if (value === "") return undefined;
  const expected = "START:COUNT such as 200000:65536, with 65536 ids or more, all below 4294967295";
  const [, start = "", count = ""] = /^(\d{1,10}):(\d{1,10})$/.exec(value) ?? [];
  const range = { start: Number(start), count: Number(count) };
  if (range.start < 1 || range.count < 65_536 || range.start + range.count > 4_294_967_295) {
    throw invalid("subordinate-ids", value, expected);
  }
  return range;
}

function cache(read: Read): CacheInputs {
  return {
    mode: oneOf(read, "cache", cacheModes),
    name: matching(read, "cache-key", /^[A-Za-z0-9._-]{1,100}$/, "1 to 100 letters, digits, '.', '_' or '-'"),
    unpack: oneOf(read, "cache-restore", ["auto", "unpack"]) === "unpack",
    images: lines(read("cache-images")),
    limit: bytes(read, "cache-max-size"),
    onFailure: yesOrNo(read, "cache-on-failure"),
    failOnMiss: yesOrNo(read, "fail-on-cache-miss"),
    lookupOnly: yesOrNo(read, "lookup-only"),
    saveSeconds: Number(matching(read, "cache-save-timeout", /^[1-9]\d{0,4}$/, "seconds, 1 to 99999")),
    cacheMounts: yesOrNo(read, "cache-mounts"),
    cacheVolumes: lines(read("cache-volumes")).map(volumeName),
  };
}

/** As podman volume create takes it; and short, for it becomes part of a key. */
function volumeName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(name)) {
    throw invalid("cache-volumes", name, "names of volumes: 1 to 100 letters, digits, '.', '_' or '-'");
  }
  return name;
}

/** As podman pull takes it, without the kinds of places that are no registry, such as `oci-archive:`. */
function imageName(name: string): string {
  if (!/^[A-Za-z0-9[][\w.:@/[\]-]{0,511}$/.test(name) || /\/\/|:\//.test(name)) {
    throw invalid("images", name, "names of images such as docker.io/library/busybox:stable");
  }
  return name;
}

/** @throws {Error} for a path that podman would not take */
export function storageRoot(value: string): string | undefined {
  // storage.conf(5) is TOML, and podman expands $VARIABLES in its paths.
  if (/[\p{Cc}"\\$]/u.test(value))
    throw invalid("storage-root", value, "a path without quotes, backslashes or $");
  return value === "" ? undefined : value;
}
