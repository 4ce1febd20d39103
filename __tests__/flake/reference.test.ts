import { expect, test } from "@jest/globals";
import { parseReference } from "../../src/flake/reference.ts";

test.each([
  ["no reference is the action's own flake, by path", undefined, "path:/action"],
  [".", ".", "/project"],
  ["..", "..", "/"],
  ["a relative path", "./a/../nix", "/project/nix"],
  ["a path above", "../other", "/other"],
  ["an absolute path", "/srv/flake", "/srv/flake"],
  ["a directory below", ".?dir=nix", "/project/nix"],
  ["a directory and more", "./a?dir=nix/b%20c&rev=1", "/project/a/nix/b c?rev=1"],
  ["a query after a path", "./a?ref=main&rev=1", "/project/a?ref=main&rev=1"],
  ["a directory that is not encoded", ".?dir=100%", "/project/100%"],
  ["a directory below an absolute path", "/srv/a?dir=b", "/srv/a/b"],
  ["a query with a second ?", "./a?x=b?c", "/project/a?x=b?c"],
  ["path:", "path:./nix", "path:/project/nix"],
  ["path: without ./", "path:nix", "path:/project/nix"],
  ["path: with a query", "path:.?dir=nix", "path:/project?dir=nix"],
  ["path: of an absolute path", "path:/srv/flake", "path:/srv/flake"],
  ["github:", "github:owner/repository/rev?dir=nix", "github:owner/repository/rev?dir=nix"],
  ["git+file:", "git+file:///srv/a?ref=main", "git+file:///srv/a?ref=main"],
  ["https:", "https://example.org/a.tar.gz", "https://example.org/a.tar.gz"],
  ["an entry of the registry", "nixpkgs/nixos-26.05", "nixpkgs/nixos-26.05"],
  ["one that begins with a dot alone in its path", "flake:a", "flake:a"],
])("%s", (_, given, url) => {
  expect(parseReference(given, "/action", "/project")).toEqual({ url });
  // An attribute leaves the rest as it is.
  if (given === undefined) return;
  expect(parseReference(`${given}#a.b`, "/action", "/project")).toEqual({ url, attribute: "a.b" });
});

test.each([
  ["#podman", { url: "/project", attribute: "podman" }],
  [".#", { url: "/project" }],
  ["?dir=nix#a", { url: "/project/nix", attribute: "a" }],
  ["github:a/b#packages.x86_64-linux.a#b", { url: "github:a/b", attribute: "packages.x86_64-linux.a#b" }],
])("%s", (given, expected) => {
  expect(parseReference(given, "/action", "/project")).toEqual(expected);
});
