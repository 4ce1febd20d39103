import { readdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { addPath, exportVariable, warning } from "@actions/core";
import { tryRun } from "../exec.ts";
import { isThere } from "../files.ts";
import type { NixInputs } from "../inputs.ts";
import { lastWords, linesOf } from "../log.ts";
import { configFiles } from "./commands.ts";
import { type Nix, onMachine } from "./find.ts";
import type { NixPlaces } from "./programs.ts";
import { addRoot } from "./roots.ts";

/** Settings for the commands of this action and of later steps, in the format of nix.conf(5). */
export function nixConfig(inputs: NixInputs): string {
  const { substituters, publicKeys, githubToken, acceptFlakeConfig, config } = inputs;
  const lines = [
    "extra-experimental-features = nix-command flakes",
    `accept-flake-config = ${acceptFlakeConfig}`,
    ...(substituters.length > 0 ? [`extra-substituters = ${substituters.join(" ")}`] : []),
    ...(publicKeys.length > 0 ? [`extra-trusted-public-keys = ${publicKeys.join(" ")}`] : []),
    ...(githubToken !== "" ? [`extra-access-tokens = github.com=${githubToken}`] : []),
    // A single-user installation has no build users; with a daemon this setting of a client has no effect.
    "build-users-group =",
    // Last, as of two settings the later one counts.
    ...linesOf(config),
  ];
  return `${lines.join("\n")}\n`;
}

/** @throws {Error} in Nix's own words, where the lines of the input nix-config are none of its settings */
export async function checkConfig(nix: Nix, inputs: NixInputs): Promise<void> {
  if (linesOf(inputs.config).length === 0) return;
  // Whatever it is to do, it reads all settings first.
  const env = { NIX_USER_CONF_FILES: nix.configFile };
  const { code, stderr } = await tryRun(join(nix.bin, "nix"), ["--version"], { env });
  if (code !== 0) {
    const [reason = lastWords(stderr)] = linesOf(stderr).filter((line) => line.startsWith("error:"));
    throw new Error(
      `Invalid nix-config: Nix ${nix.version} says ${reason.replace(/^error:\s*/, "")}. Expected lines of nix.conf such as max-jobs = 2.`,
    );
  }
  const unknown = linesOf(stderr).flatMap((line) => /unknown setting '([^']+)'/.exec(line)?.[1] ?? []);
  if (unknown.length > 0) {
    warning(`Nix ${nix.version} has no setting ${unknown.join(", ")}. Check nix-config.`);
  }
}

/**
 * Has later steps find Nix and its settings: what the profile script of a single-user installation would export, where
 * this action has installed it.
 */
export async function exportSettings(nix: Nix, inputs: NixInputs, places: NixPlaces): Promise<void> {
  const profile = join(homedir(), ".nix-profile");
  if (nix.path !== undefined) {
    addPath(join(profile, "bin"));
    exportVariable("NIX_PROFILES", `/nix/var/nix/profiles/default ${profile}`);
    const certificates = process.env.NIX_SSL_CERT_FILE || (await findCertificates(nix, places));
    if (certificates) exportVariable("NIX_SSL_CERT_FILE", certificates);
  }
  if (!process.env.PATH?.split(":").includes(nix.bin)) addPath(nix.bin);
  if (nix.path !== undefined || linesOf(inputs.config).length > 0) {
    exportVariable("NIX_USER_CONF_FILES", configFiles(nix.configFile));
  }
}

/** The machine's certificate authorities, as nix.sh looks for them, or else those that came with Nix. */
async function findCertificates(nix: Nix, places: NixPlaces): Promise<string | undefined> {
  const machines = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
  ];
  for (const file of machines) if (await isThere(file)) return file;
  const names = await readdir(onMachine(nix, "/nix/store")).catch(() => []);
  const name = names.find((entry) => /^[0-9a-z]{32}-nss-cacert-[\d.]+$/.test(entry));
  if (name === undefined) return undefined;
  const path = `/nix/store/${name}`;
  // Nix itself does not refer to them.
  await addRoot(nix.directory ?? "/nix", join(places.own, "roots", "certificates"), path);
  return join(onMachine(nix, path), "etc/ssl/certs/ca-bundle.crt");
}

/** Writes the settings into a file that only the user may read, as the token is in it. */
export async function writeConfig(file: string, inputs: NixInputs): Promise<void> {
  // A mode is for new files only.
  await rm(file, { force: true });
  await writeFile(file, nixConfig(inputs), { mode: 0o600 });
}
