/** The systems that Nix has releases and this project a flake for. */
export type System = "x86_64-linux" | "aarch64-linux";

export interface Tarball {
  url: string;
  /** Of the whole file, 64 hexadecimal digits. */
  sha256: string;
}

// From the .sha256 files beside the official tarballs.
const checksums: Record<string, Record<System, string>> = {
  "2.35.2": {
    "x86_64-linux": "0c3960a9792331a22081c3c7a5d8465db9b17c50b3acdf18587fa4c6f2cb1158",
    "aarch64-linux": "4d0302a2910f5eec1c33b8deef634f04899a75737e7001ec49908d003ae5efda",
  },
  "2.35.1": {
    "x86_64-linux": "c3fe29778acaa93b5095ee66e36f11ec7c6a284c40970a24cc83ac4f04809db3",
    "aarch64-linux": "79b739996f1751573b4d2b56e4ae607855184c711f2cc1274fa0952a13d4bfc9",
  },
  "2.34.7": {
    "x86_64-linux": "eafe5042404e818505e28c5ca3d0885f3ec45c31f955489a25bb38258f87560e",
    "aarch64-linux": "f1cee64ae7a02330c6421924c28f597c41813f2214ff108622087d8056378b08",
  },
};

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
  return { url: `https://releases.nixos.org/nix/nix-${version}/nix-${version}-${system}.tar.xz`, sha256 };
}
