import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What goes into the copy of a Debian root: its programs, and the files of /etc that they do not start without. */
const wanted = [
  "usr",
  "etc/alternatives",
  "etc/ld.so.cache",
  "etc/ld.so.conf",
  "etc/ld.so.conf.d",
  "etc/ssl/certs",
];

/** Left out of it: documentation, Debian's defaults for podman, test programs, Nix, perl's modules: half of the bytes. */
const unwanted = new RegExp(
  `^usr/(${[
    "share/(bug|containers|doc|info|lintian|locale|man)",
    "(games|include|local|src)",
    "libexec/buildah",
    "libexec/podman/podman-testing",
    "bin/nix.*",
    "lib/[^/]+/libnix[^/]*",
    "share/perl.*",
    "lib/[^/]+/perl5?",
  ].join("|")})$`,
);

/**
 * Makes a copy of a Debian root (a directory as mmdebstrap makes it) that any user can read and that the stand-in
 * flake takes as `debian`: `usr`, a little of `etc`, links beside them, and `stand-in.json` with the upstream version
 * of each installed package. Files that not everyone may read stay behind, and so do devices and sockets.
 * Does nothing when `destination` already is what it would make. Not for two callers at once.
 */
export function prepareDebianRoot(source: string, destination: string): void {
  const packages = installedPackages(readFileSync(join(source, "var/lib/dpkg/status"), "utf8"));
  const description = JSON.stringify({ packages, wanted, unwanted: unwanted.source });
  const done = join(destination, "stand-in.json");
  if (existsSync(done) && readFileSync(done, "utf8") === description) return;
  rmSync(destination, { recursive: true, force: true });
  for (const path of wanted) {
    mkdirSync(dirname(join(destination, path)), { recursive: true });
    copy(source, destination, path);
  }
  for (const path of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${path}`, join(destination, path));
  writeFileSync(done, description); // last: it says that the copy is whole
}

function copy(source: string, destination: string, path: string): void {
  if (unwanted.test(path)) return;
  const from = join(source, path);
  const to = join(destination, path);
  const stat = lstatSync(from);
  if (stat.isSymbolicLink()) {
    symlinkSync(readlinkSync(from), to);
  } else if (stat.isDirectory()) {
    mkdirSync(to);
    chmodSync(to, 0o755);
    for (const name of readdirSync(from)) copy(source, destination, join(path, name));
  } else if (stat.isFile() && (stat.mode & 0o444) === 0o444) {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
    chmodSync(to, stat.mode & 0o111 ? 0o755 : 0o644); // not setuid
  }
}

/** Debian's package names to upstream versions ("1:5.4.2+ds1-2" is 5.4.2), from the text of dpkg's status file. */
function installedPackages(status: string): Record<string, string> {
  const packages: Record<string, string> = {};
  for (const paragraph of status.split("\n\n")) {
    const name = /^Package: (.+)$/m.exec(paragraph)?.[1];
    const version = /^Version: (?:\d+:)?(\d+(?:\.\d+)*)/m.exec(paragraph)?.[1];
    if (name && version && /^Status: install ok installed$/m.test(paragraph)) packages[name] = version;
  }
  return packages;
}

export interface StandInFlake {
  /** Where the flake goes; what is there is replaced. */
  directory: string;
  /** A checkout of this repository: its flake.nix, flake.lock, nix/ and dist/ are taken. */
  action: string;
  /** Where Nix will find a directory made by prepareDebianRoot. */
  debian: string;
  /** Where Nix will find `directory`, when that is elsewhere: in a machine. */
  seenAt?: string;
}

/**
 * Writes a flake whose outputs are the action's own, with the stand-in for nixpkgs in place of nixpkgs, so that
 * `nix build path:DIRECTORY#rootfs` needs no network. Returns its reference, `path:DIRECTORY` as seen.
 * Needs Nix's setting `sandbox = false`.
 */
export function writeStandInFlake({ directory, action, debian, seenAt = directory }: StandInFlake): string {
  rmSync(directory, { recursive: true, force: true });
  const actionCopy = join(directory, "action");
  const nixpkgsCopy = join(directory, "nixpkgs");
  // Copies: Nix takes the whole directory of a path: flake, and a checkout may have .git and node_modules.
  for (const name of ["flake.nix", "flake.lock", "nix", "dist"]) {
    cpSync(join(action, name), join(actionCopy, name), { recursive: true });
  }
  cpSync(fileURLToPath(new URL("nixpkgs", import.meta.url)), nixpkgsCopy, { recursive: true });
  writeFileSync(
    join(directory, "flake.nix"),
    `{
  inputs = {
    debian = {
      url = "path:${debian}";
      flake = false;
    };
    nixpkgs = {
      url = "path:${join(seenAt, "nixpkgs")}";
      inputs.debian.follows = "debian";
    };
    podman-rootless = {
      url = "path:${join(seenAt, "action")}";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs = { podman-rootless, ... }: podman-rootless.outputs;
}
`,
  );
  return `path:${seenAt}`;
}
