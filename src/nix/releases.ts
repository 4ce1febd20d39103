import releases from "./releases.json" with { type: "json" };

/** The systems that Nix has releases and this project a flake for. */
export type System = "x86_64-linux" | "aarch64-linux";

export interface Tarball {
  url: string;
  /** Of the whole file, 64 hexadecimal digits. */
  sha256: string;
}

// From the .sha256 files beside the official tarballs: script/nix-releases writes it.
const checksums: Record<string, Record<System, string>> = releases;

/** The official release host. */
const host = "https://releases.nixos.org/nix";

/**
 * The system of a machine in Nix's words.
 *
 * @throws {Error} for a machine that no release is for
 */
export function currentSystem(platform: string = process.platform, arch: string = process.arch): System {
  if (platform === "linux" && arch === "x64") return "x86_64-linux";
  if (platform === "linux" && arch === "arm64") return "aarch64-linux";
  throw new Error(
    `Rootless podman needs Linux on x64 or arm64, and this runner is ${platform} on ${arch}. Use runs-on: ubuntu-24.04 or ubuntu-24.04-arm.`,
  );
}

/**
 * The official release tarball of a version.
 *
 * @throws {Error} for a version whose hash is not known here
 */
export function releaseTarball(version: string, system: System): Tarball {
  const sha256 = checksums[version]?.[system];
  if (sha256 === undefined) {
    throw new Error(
      `No known hash of Nix ${version}. Use a nix-version of ${Object.keys(checksums).join(", ")}, or give nix-url and nix-sha256.`,
    );
  }
  return { url: `${host}/nix-${version}/nix-${version}-${system}.tar.xz`, sha256 };
}
