// Writes dist/sbom.cdx.json, or that of another folder that is named: the packages that licenses.txt there says are in the
// bundle, as CycloneDX 1.5. It is made of the lock file alone: npm's own list differs by its version, its time and the
// folder's name, and Debian's npm has none.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What these lines read of an entry of package-lock.json. */
interface Entry {
  version: string;
  /** `sha512-` and base64. */
  integrity?: string;
  /** An SPDX expression. */
  license?: string;
  dev?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [folder = join(root, "dist")] = process.argv.slice(2);

const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Record<string, Entry>;
};
const product = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const lines = new Set(readFileSync(join(folder, "licenses.txt"), "utf8").split("\n"));

const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

const named = Object.keys(packages).filter((path) => path !== "" && lines.has(nameOf(path)));
const own = named.filter((path) => !packages[path]?.dev);
// A package that asks for another where it is there, as debug does, takes one of the tools' into the bundle.
const tools = named.filter(
  (path) => path === `node_modules/${nameOf(path)}` && !own.some((one) => nameOf(one) === nameOf(path)),
);
const bundled = [...own, ...tools];

const referenceOf = (path: string): string =>
  `${path === "" ? product.name : nameOf(path)}@${packages[path]?.version}`;

/** Where a package at a path finds another, as node does: in its own node_modules, or in those above. */
function resolve(path: string, dependency: string): string | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf("/node_modules/"), 0))) {
    const found = `${at === "" ? "" : `${at}/`}node_modules/${dependency}`;
    if (packages[found] !== undefined) return found;
    if (at === "") return undefined;
  }
}

const dependsOn = (path: string): string[] => {
  const { dependencies, optionalDependencies, peerDependencies } = packages[path] ?? {};
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const paths = names.map((dependency) => resolve(path, dependency));
  return sorted(paths.flatMap((found) => (found && bundled.includes(found) ? [referenceOf(found)] : [])));
};

const sorted = (texts: readonly string[]): string[] => [...new Set(texts)].sort();

const licences = (expression: string | undefined) =>
  expression === undefined
    ? {}
    : { licenses: [/ /.test(expression) ? { expression } : { license: { id: expression } }] };

const component = (type: "application" | "library", of: string, version: string) => ({
  "bom-ref": `${of}@${version}`,
  type,
  name: of,
  version,
  purl: `pkg:npm/${of.replace("@", "%40")}@${version}`,
});

const byReference = new Map(bundled.map((path) => [referenceOf(path), path]));
const references = sorted([...byReference.keys()]);
const made = {
  $schema: "http://cyclonedx.org/schema/bom-1.5.schema.json",
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  version: 1,
  metadata: {
    component: { ...component("application", product.name, product.version), ...licences(product.license) },
  },
  components: references.map((reference) => {
    const path = byReference.get(reference) ?? "";
    const { version: its = "", integrity = "", license } = packages[path] ?? {};
    return {
      ...component("library", nameOf(path), its),
      hashes: [
        { alg: "SHA-512", content: Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex") },
      ],
      ...licences(license),
    };
  }),
  dependencies: [
    { ref: `${product.name}@${product.version}`, dependsOn: dependsOn("") },
    ...references.map((ref) => ({ ref, dependsOn: dependsOn(byReference.get(ref) ?? "") })),
  ],
};
writeFileSync(join(folder, "sbom.cdx.json"), `${JSON.stringify(made, null, 2)}\n`);
