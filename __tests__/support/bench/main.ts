import { readdirSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Result, renderJson, renderTables } from "./report.ts";
import { compare, inTurn } from "./statistics.ts";
import type { Open } from "./suite.ts";

const names = readdirSync(join(import.meta.dirname, "suites")).map((file) => file.replace(/\.ts$/, ""));

/** What was asked for; ends with 2, and a line for the person who typed it, when it cannot be done. */
function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
      allowPositionals: true,
    });
    const [name = "", ...more] = positionals;
    if (names.includes(name) && more.length === 0) return { ...values, name };
    throw new Error(`invalid suite '${positionals.join(" ")}'. Expected one of: ${names.join(", ")}.`);
  } catch (error) {
    console.error(`script/bench: ${(error as Error).message} See script/bench --help.`);
    process.exit(2);
  }
}

/** What any numbers depend on. */
function machineFacts(): string[] {
  const [cpu, ...others] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(1);
  const load = (loadavg()[0] ?? 0).toFixed(2);
  return [
    `${others.length + 1} cores (${cpu?.model}), ${memory} GiB of memory, Linux ${release()}`,
    `${new Date().toISOString().slice(0, 10)}; load average at the start ${load}`,
  ];
}

async function bench({ name, quick, json }: ReturnType<typeof readArguments>): Promise<void> {
  const machine = machineFacts();
  console.error(`${name}: preparing (minutes on the first run) ...`);
  const { open }: { open: Open } = await import(`./suites/${name}.ts`);
  const suite = await open({ quick });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= suite.close());
  // What is measured may have written gigabytes.
  process.once("SIGINT", () => close().finally(() => process.exit(130)));
  process.once("SIGTERM", () => close().finally(() => process.exit(143)));
  try {
    const results: Result[] = [];
    for (const one of suite.cases) {
      console.error(`${name}: ${one.name}, ${one.pairs} pairs ...`);
      const result = { case: one, ...compare(await inTurn(one, one.run)) };
      results.push(result);
      if (json) console.log(renderJson(name, result));
    }
    if (!json) console.log(renderTables([...machine, ...suite.facts], results));
  } finally {
    await close();
  }
}

try {
  await bench(readArguments());
} catch (error) {
  console.error(`script/bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
