import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { asset, cached, cacheFolder, removeTree } from "./cache.ts";
import { runAsRoot } from "./run.ts";

export type Release = "bookworm" | "trixie" | "forky";

export interface DebianRoot {
  /** Default: trixie. */
  release?: Release;
  /** Added to Debian's minimal set. Order does not matter. */
  packages: readonly string[];
  /** Names the root in the cache, as in `runner`. */
  name: string;
}

/** What a hosted runner's image has and the action may use. */
export const RUNNER_PACKAGES = [
  "sudo",
  "uidmap",
  "util-linux",
  "mount",
  "ca-certificates",
  "xz-utils",
  "zstd",
  "git",
  "curl",
  "python3-minimal",
  "iproute2",
  "procps",
  "catatonit",
  "kmod",
];

/** Podman and its helpers, as the flake's rootfs has them; the names are the same in all three releases. */
export const ENVIRONMENT_PACKAGES = [
  "podman",
  "buildah",
  "skopeo",
  "crun",
  "runc",
  "conmon",
  "netavark",
  "aardvark-dns",
  "nftables",
  "passt",
  "catatonit",
  "fuse-overlayfs",
  "uidmap",
  "squashfuse",
  "squashfs-tools",
  "util-linux",
  "ca-certificates",
  "fuse3",
  "iproute2",
  "procps",
];

const OWN: Record<Release, readonly string[]> = {
  // The network of podman 4 needs programs that podman 5 has no use for.
  bookworm: ["slirp4netns", "iptables"],
  trixie: [],
  // pivot_root left util-linux.
  forky: ["util-linux-extra"],
};

/** The same for a release. */
export const environmentPackages = (release: Release): readonly string[] => [
  ...ENVIRONMENT_PACKAGES,
  ...OWN[release],
];

/** Nobody reads these in a test; without them a root takes half the space. */
const LEFT_OUT = ["doc", "man", "info", "locale", "lintian", "bash-completion"];

/**
 * The path of a root folder with an unpacked minimal Debian, owned by root, made by mmdebstrap on first use
 * (20 to 60 s; needs root or sudo, and Debian's mirror). Callers share it: mount it read-only or as a lower layer.
 *
 * @throws Error with mmdebstrap's complaint.
 */
export async function debianRoot({ release = "trixie", packages, name }: DebianRoot): Promise<string> {
  const args = mmdebstrapArguments(release, packages);
  const folder = await cached(`${name}-${release}`, args, async (partial) => {
    await mmdebstrap([...args, release, join(partial, "root")], partial);
  });
  return join(folder, "root");
}

/** Options for a minimal Debian of a release, the same however the root is used afterwards. */
export function mmdebstrapArguments(release: Release, packages: readonly string[]): string[] {
  return [
    "--mode=root",
    "--variant=minbase",
    `--include=${[...packages].sort().join(",")}`,
    ...LEFT_OUT.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    // The folder is renamed once whole, and a machine that loses power makes it again.
    "--dpkgopt=force-unsafe-io",
    '--aptopt=Acquire::Languages "none"',
    // A testing release's index may be past its date on a mirror.
    ...(release === "forky" ? ['--aptopt=Acquire::Check-Valid-Until "false"'] : []),
  ];
}

/**
 * Runs mmdebstrap with the downloads of earlier runs at hand. Apt takes a kept package of the right size unseen, so
 * after a failure they are thrown away and everything is tried once more.
 *
 * @param scratch folder for its temporary files and its results, emptied before the second try
 * @param env further variables for the hooks
 * @throws Error with mmdebstrap's complaint.
 */
export async function mmdebstrap(
  args: readonly string[],
  scratch: string,
  env: Record<string, string> = {},
): Promise<void> {
  const debs = join(cacheFolder(), "debs");
  const hooks = [
    `--setup-hook=${asset("debs-restore.sh")}`,
    // Else mmdebstrap deletes what it downloaded before the second hook can keep it.
    "--skip=essential/unlink",
    `--customize-hook=${asset("debs-keep.sh")}`,
  ];
  const attempt = async () => {
    await mkdir(debs, { recursive: true });
    await runAsRoot("mmdebstrap", [...args, ...hooks], { env: { ...env, DEBS: debs, TMPDIR: scratch } });
  };
  if ((await readdir(debs).catch(() => [])).length === 0) return attempt();
  try {
    await attempt();
  } catch {
    await removeTree(debs);
    await removeTree(scratch);
    await mkdir(scratch, { mode: 0o755 });
    await attempt();
  }
}
