import { expect, test } from "@jest/globals";
import { podmanCan } from "../src/podman-features.ts";

test.each([
  ["2.2.1", "Docker-compatible API", false],
  ["3.0.0", "Docker-compatible API", true],
  ["2.2.1", "build on read-only stores", false],
  ["4.3.1", "build on read-only stores", false],
  ["5.2.9", "build on read-only stores", false],
  ["5.3.0", "build on read-only stores", true],
  ["5.8.6", "build on read-only stores", true],
  ["6.0.0", "build on read-only stores", true],
  ["4.3.1", "cache mounts by user", false],
  ["4.4.0", "cache mounts by user", true],
  ["5.4.2", "cache mounts by user", true],
] as const)("podman %s, %s: %s", (version, feature, can) => {
  expect(podmanCan(version, feature)).toBe(can);
});
