import { nameOf } from "./internal-json.ts";

/** A program that Nix is about to compile, and that a binary cache ought to have. */
export interface SourceBuild {
  /** Such as "podman-5.8.2". */
  name: string;
  /** What it is compiled for and on, such as "x86_64-linux". */
  system: string;
}

/** Podman, what it runs, and what they are compiled with: minutes to hours each. */
const large = new RegExp(
  `^(${[
    "podman|buildah|skopeo|crun|runc|conmon|netavark|aardvark-dns|catatonit|passt|fuse-overlayfs",
    "go|rustc|cargo|gcc|clang|llvm|glibc|systemd|python3|nodejs|nix",
  ].join("|")})(-unwrapped|-wrapper)?-\\d`,
);

/**
 * What a derivation compiles; undefined where it is none of those, or only puts together what is there.
 *
 * @param path of the derivation in the store
 * @param text its content, in the format of nix-store(1): `Derive(outputs, inputs, sources, system, builder, ...)`
 */
export function sourceBuild(path: string, text: string): SourceBuild | undefined {
  const name = nameOf(path);
  // A variable, or an attribute in JSON that is a variable.
  const hasSource = /\("srcs?","|\\"srcs?\\":/.test(text);
  const system = /\],"([^"]+)",/.exec(text)?.[1];
  return large.test(name) && hasSource && system !== undefined ? { name, system } : undefined;
}

/**
 * Why these are compiled, and what to do about it.
 *
 * @param system of the machine
 * @param substituters URLs of the binary caches that were asked
 */
export function reasonOf(builds: readonly SourceBuild[], system: string, substituters: readonly string[]) {
  const names = builds.map(({ name }) => name).join(", ");
  const [foreign] = builds.filter((build) => build.system !== system);
  if (foreign !== undefined) {
    return {
      cause: `Nix is to compile ${names}: the flake's package is for ${foreign.system}, and this machine is ${system}`,
      remedy: `Name a package for ${system} with flake: REFERENCE#ATTRIBUTE`,
    };
  }
  if (substituters.length === 0) {
    return {
      cause: `Nix compiles ${names} from source, which can take an hour: no binary cache is configured`,
      remedy: "Name one with extra-substituters, and its key with extra-trusted-public-keys",
    };
  }
  return {
    cause: `Nix compiles ${names} from source, which can take an hour: no binary cache of ${substituters.join(", ")} has it for ${system}, or signed with a key that is trusted`,
    remedy:
      "Use a revision whose nixpkgs they have, without overlays, or name a cache with extra-substituters and extra-trusted-public-keys",
  };
}
