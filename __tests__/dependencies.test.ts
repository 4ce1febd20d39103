import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

interface Entry {
  version?: string;
  resolved?: string;
  integrity?: string;
  hasInstallScript?: boolean;
  dev?: boolean;
  devOptional?: boolean;
}

const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, Entry> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");

test("each package of the lock file is known by its SHA-512, those for other systems too", () => {
  expect(packages.length).toBeGreaterThan(100);
  const without = packages.filter(([, { integrity = "" }]) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  expect(without.map(([path]) => path)).toEqual([]);
});

test("the lock file names no registry's host", () => {
  expect(packages.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  expect(read("package-lock.json")).not.toMatch(/"https?:\/\/[^"]*registry/);
});

test("nothing runs a script when it is installed, and nothing that goes into dist/ would", () => {
  expect(read(".npmrc")).toMatch(/^ignore-scripts=true$/m);
  const scripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript);
  expect(scripts.filter(([, { dev, devOptional }]) => !dev && !devOptional).map(([path]) => path)).toEqual(
    [],
  );
  // The search finds some: of tests and tools alone.
  expect(scripts.length).toBeGreaterThan(0);
});

/** Licences by which a program may be passed on with no more than its text, which dist/licenses.txt has. */
const allowed = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT"];

/** What dist/licenses.txt says: a name, its licence, and the text, with a blank line between packages. */
const bundled = [
  ...read("dist/licenses.txt").matchAll(/(?:^|\n\n)((?:@[\w-]+\/)?[a-z][\w.-]*)\n([^\n]+)(?=\n)/g),
].flatMap(([, name = "", licence = ""]) =>
  lock.packages[`node_modules/${name}`] ? [{ name, licence }] : [],
);

test("what is in dist/ has a licence by which it may be there", () => {
  expect(bundled.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["@actions/cache", "@actions/core"]),
  );
  const others = bundled.filter(
    ({ licence }) =>
      !licence
        .replace(/[()]/g, "")
        .split(/ (?:AND|OR) /)
        .every((one) => allowed.includes(one)),
  );
  expect(others).toEqual([]);
});

test("the SBOM has what is in dist/, each with its hash and licence, and is the same each time", () => {
  const folder = mkdtempSync(join(tmpdir(), "sbom-"));
  try {
    copyFileSync(join(root, "dist/licenses.txt"), join(folder, "licenses.txt"));
    const make = () => {
      execFileSync(process.execPath, [join(root, "script/sbom.ts"), folder]);
      return readFileSync(join(folder, "sbom.cdx.json"), "utf8");
    };
    const text = make();
    expect(make()).toBe(text);
    expect(text).not.toMatch(/registry|timestamp|urn:uuid/);
    const { bomFormat, components, dependencies } = JSON.parse(text);
    expect(bomFormat).toBe("CycloneDX");
    const names: string[] = components.map(({ name }: { name: string }) => name);
    expect([...new Set(names)].sort()).toEqual([...new Set(bundled.map(({ name }) => name))].sort());
    for (const { name, version, purl, hashes, licenses } of components) {
      const top = lock.packages[`node_modules/${name}`];
      expect({ name, version, purl, hashes, licenses }).toEqual({
        name,
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        hashes: [{ alg: "SHA-512", content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
        licenses: [expect.anything()],
      });
      if (top?.version === version) {
        const digest = Buffer.from(top?.integrity?.slice(7) ?? "", "base64").toString("hex");
        expect(hashes[0].content).toBe(digest);
      }
    }
    const references = components.map((component: Record<string, string>) => component["bom-ref"]);
    for (const { dependsOn } of dependencies) expect(references).toEqual(expect.arrayContaining(dependsOn));
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
