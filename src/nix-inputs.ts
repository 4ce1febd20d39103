import { invalid, lines, matching, oneOf, type Read, yesOrNo } from "./input-values.ts";

export const nixModes = ["auto", "install", "existing"] as const;
export type NixMode = (typeof nixModes)[number];

/** Which Nix, and its settings. */
export interface NixInputs {
  /** `auto`: a good one that is there, or else an installed one. */
  mode: NixMode;
  version: string;
  /** A tarball to install instead of the release of `version`. */
  tarball: { url: string; sha256: string } | undefined;
  githubToken: string;
  /** Lines for nix.conf(5), as given. */
  config: string;
  /** URLs of binary caches to ask besides. */
  substituters: string[];
  /** Whose signatures are believed besides. */
  publicKeys: string[];
  /** Whether the flake's own `nixConfig` counts. */
  acceptFlakeConfig: boolean;
  /** Whether the environment's store paths are cached; how is as the image store's `cache` says. */
  cached: boolean;
}

/** Reads the inputs that say which Nix. @throws {Error} as `loadInputs` does */
export function nix(read: Read, githubToken: string): NixInputs {
  const inputs: NixInputs = {
    mode: oneOf(read, "nix", nixModes),
    version: matching(read, "nix-version", /^\d+\.\d+(\.\d+)?$/, "a version such as 2.34.7"),
    tarball: nixTarball(read),
    githubToken,
    config: read("nix-config"),
    substituters: lines(read("extra-substituters")).map(substituter),
    publicKeys: lines(read("extra-trusted-public-keys")).map(publicKey),
    acceptFlakeConfig: yesOrNo(read, "accept-flake-config"),
    cached: yesOrNo(read, "cache-nix"),
  };
  if (inputs.mode === "existing" && inputs.tarball !== undefined) {
    throw new Error("Give nix-url or nix: existing, not both: a tarball is there to be installed");
  }
  return inputs;
}

function substituter(url: string): string {
  if (!URL.canParse(url) || /\s/.test(url)) {
    throw invalid(
      "extra-substituters",
      url,
      "URLs of binary caches such as https://example.cachix.org, one a line",
    );
  }
  return url;
}

/** As nix-store --generate-binary-cache-key writes it: 32 bytes in base64. */
function publicKey(key: string): string {
  if (!/^[\w.-]+:[A-Za-z0-9+/]{43}=$/.test(key)) {
    throw invalid("extra-trusted-public-keys", key, "keys such as example.org-1:BASE64, one a line");
  }
  return key;
}

function nixTarball(read: Read): { url: string; sha256: string } | undefined {
  const url = read("nix-url");
  const sha256 = read("nix-sha256").toLowerCase();
  if (url === "" && sha256 === "") return undefined;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw invalid("nix-url", url, "an http or https URL of a nix-VERSION-SYSTEM.tar.xz");
  }
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw invalid("nix-sha256", sha256, "64 hexadecimal digits, the SHA-256 of the tarball at nix-url");
  }
  return { url, sha256 };
}
