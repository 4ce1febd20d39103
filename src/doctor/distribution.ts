import { readFile } from "node:fs/promises";

/** What the distribution calls itself, such as "Debian GNU/Linux 12 (bookworm)"; undefined: nothing. */
export async function readDistribution(): Promise<string | undefined> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return parseDistribution(text);
}

/** @param text of os-release(5), whose values may stand in quotes */
export const parseDistribution = (text: string): string | undefined =>
  /^PRETTY_NAME=(["']?)(.+)\1$/m.exec(text)?.[2];
