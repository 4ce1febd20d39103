import { expect, test } from "@jest/globals";
import { currentSystem, releaseTarball } from "../../src/nix/releases.ts";
import { readActionFile } from "../support/inputs.ts";

// As the .sha256 files beside the tarballs have them.
test.each([
  ["2.35.2", "x86_64-linux", "0c3960a9792331a22081c3c7a5d8465db9b17c50b3acdf18587fa4c6f2cb1158"],
  ["2.35.2", "aarch64-linux", "4d0302a2910f5eec1c33b8deef634f04899a75737e7001ec49908d003ae5efda"],
  ["2.35.1", "x86_64-linux", "c3fe29778acaa93b5095ee66e36f11ec7c6a284c40970a24cc83ac4f04809db3"],
  ["2.35.1", "aarch64-linux", "79b739996f1751573b4d2b56e4ae607855184c711f2cc1274fa0952a13d4bfc9"],
  ["2.34.7", "x86_64-linux", "eafe5042404e818505e28c5ca3d0885f3ec45c31f955489a25bb38258f87560e"],
  ["2.34.7", "aarch64-linux", "f1cee64ae7a02330c6421924c28f597c41813f2214ff108622087d8056378b08"],
] as const)("Nix %s for %s", (version, system, sha256) => {
  const { url, sha256: known } = releaseTarball(version, system);
  expect(new URL(url).pathname).toBe(`/nix/nix-${version}/nix-${version}-${system}.tar.xz`);
  expect(new URL(url).protocol).toBe("https:");
  expect(known).toBe(sha256);
});

test("the default version of action.yml has a known hash for both systems", () => {
  const version = readActionFile().inputs["nix-version"]?.default ?? "";
  for (const system of ["x86_64-linux", "aarch64-linux"] as const) {
    expect(releaseTarball(version, system).sha256).toMatch(/^[0-9a-f]{64}$/);
  }
});

test.each(["2.34.6", "2.35", ""])("Nix %j has no known hash", (version) => {
  expect(() => releaseTarball(version, "x86_64-linux")).toThrow(
    new Error(
      `No known hash of Nix ${version}. Use a nix-version of 2.35.2, 2.35.1, 2.34.7, or give nix-url and nix-sha256.`,
    ),
  );
});

test("systems are named as Nix names them", () => {
  expect(currentSystem("linux", "x64")).toBe("x86_64-linux");
  expect(currentSystem("linux", "arm64")).toBe("aarch64-linux");
});

test.each([
  ["darwin", "arm64"],
  ["win32", "x64"],
  ["linux", "ia32"],
])("%s on %s is refused with a remedy", (platform, arch) => {
  expect(() => currentSystem(platform, arch)).toThrow(
    new Error(
      `Rootless podman needs Linux on x64 or arm64, and this runner is ${platform} on ${arch}. Use runs-on: ubuntu-24.04 or ubuntu-24.04-arm.`,
    ),
  );
});
