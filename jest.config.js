/** @type {import("jest").Config} */
export default {
  testEnvironment: "node",
  // Not a promise of speed: machines are slow at times, and a test that hangs has to end.
  testTimeout: 120_000,
  // Most of them wait: for podman, for machines, for services.
  maxWorkers: "100%",
  roots: ["<rootDir>/__tests__"],
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: ["<rootDir>/__tests__/support/fixtures/"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          target: "es2024",
          parser: { syntax: "typescript" },
          experimental: { keepImportAttributes: true },
        },
        module: { type: "es6" },
      },
    ],
  },
};
