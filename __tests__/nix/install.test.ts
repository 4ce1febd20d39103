import { expect, test } from "@jest/globals";
import { nixPath } from "../../src/nix/install.ts";

const hash = (letter: string) => letter.repeat(32);
const nix = `/nix/store/${hash("b")}-nix-2.34.7`;

/** A path as `nix-store --dump-db` prints it: path, hash, size, deriver, references with their number first. */
const record = (path: string, references: string[] = []) =>
  [path, `sha256:${hash("0")}`, "1234", "", String(references.length), ...references].join("\n");

test("Nix is found among the paths of its release tarball", () => {
  const text = [
    record(`/nix/store/${hash("a")}-nix-2.34.7-man`),
    record(`/nix/store/${hash("c")}-nix-cli-2.34.7`, [`/nix/store/${hash("d")}-nix-store-2.34.7`]),
    record(`/nix/store/${hash("d")}-nix-store-2.34.7`),
    record(`/nix/store/${hash("e")}-nix-manual-2.34.7`),
    record(nix, [`/nix/store/${hash("c")}-nix-cli-2.34.7`, nix]),
    record(`/nix/store/${hash("f")}-nss-cacert-3.113.1`),
  ].join("\n");
  expect(nixPath(`${text}\n`)).toBe(nix);
});

test.each([
  ["nothing", ""],
  ["other packages", record(`/nix/store/${hash("a")}-hello-2.12`)],
  ["parts of Nix alone", record(`/nix/store/${hash("d")}-nix-store-2.34.7`)],
  ["a path outside of the store", record(`/tmp${nix}`)],
  ["a path below one", record(`${nix}/bin`)],
])("with %s there is none", (_, text) => {
  expect(() => nixPath(text)).toThrow(
    new Error("The tarball's .reginfo names no Nix: it is not a Nix release tarball."),
  );
});
