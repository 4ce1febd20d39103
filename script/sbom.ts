// Writes dist/sbom.cdx.json, or that of another folder that is named: the packages that licenses.txt there says are in the
// bundle, as CycloneDX. It is npm's own list, without what differs from one run to the next.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Component {
  "bom-ref": string;
  name: string;
  version: string;
  properties?: { name: string }[];
  externalReferences?: { type: string }[];
}
interface Bom {
  serialNumber?: string;
  metadata: { timestamp?: string; tools?: unknown; component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [folder = join(root, "dist")] = process.argv.slice(2);

const args = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
const bom = JSON.parse(execFileSync("npm", args, { cwd: root, encoding: "utf8", maxBuffer: 2 ** 26 })) as Bom;
const lines = new Set(readFileSync(join(folder, "licenses.txt"), "utf8").split("\n"));
const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
  packages: Record<string, { version: string }>;
};

// A package that asks for another where it is there, as debug does, takes one of the tools' into the bundle.
const isTool = ({ properties = [] }: Component) =>
  properties.some(({ name }) => name === "cdx:npm:package:development");
const isTop = ({ name, version }: Component) => lock.packages[`node_modules/${name}`]?.version === version;
const components = bom.components.filter((one) => lines.has(one.name) && (!isTool(one) || isTop(one)));

const byText = (a: string, b: string) => (a < b ? -1 : Number(a > b));
const { component } = bom.metadata;
const kept = new Set([component, ...components].map((one) => one["bom-ref"]));
const made = {
  ...bom,
  // Of this run, of this npm, and of the folder's name.
  serialNumber: undefined,
  metadata: {
    ...bom.metadata,
    timestamp: undefined,
    tools: undefined,
    component: { ...component, name: "podman-rootless" },
  },
  components: components
    .map((one) => ({
      ...one,
      properties: undefined,
      // Where it was fetched from is up to the registry that npm is set to.
      externalReferences: one.externalReferences?.filter(({ type }) => type !== "distribution"),
    }))
    .sort((a, b) => byText(a["bom-ref"], b["bom-ref"])),
  dependencies: bom.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(({ ref, dependsOn = [] }) => ({
      ref,
      dependsOn: dependsOn.filter((one) => kept.has(one)).sort(byText),
    }))
    .sort((a, b) => byText(a.ref, b.ref)),
};
writeFileSync(join(folder, "sbom.cdx.json"), `${JSON.stringify(made, null, 2)}\n`);
