import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test } from "@jest/globals";

/** Runs script/audit with a registry whose advisory service answers so; any other request is of something it has not. */
async function audit(answer: { status: number; body?: unknown }, ...options: string[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const isAdvisories = request.url?.endsWith("/advisories/bulk");
    response.writeHead(isAdvisories ? answer.status : 404, { "content-type": "application/json" });
    response.end(JSON.stringify((isAdvisories && answer.body) || {}));
    request.resume();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const child = spawn(join(import.meta.dirname, "../script/audit"), options, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, npm_config_registry: registry, npm_config_fetch_retries: "0" },
    });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += chunk;
    });
    const [code] = await once(child, "close");
    expect(asked[0]).toMatch(/\/advisories\/bulk$/);
    return { code, text };
  } finally {
    server.close();
  }
}

const weakness = {
  id: 1,
  url: "https://example.org/weakness",
  title: "Slow patterns",
  severity: "high",
  vulnerable_versions: "<1000",
};

test("a service that knows of nothing", async () => {
  const { code, text } = await audit({ status: 200, body: {} });
  expect({ code, text }).toEqual({
    code: 0,
    text: expect.stringMatching(/^no weakness is known in \d\d packages\n$/),
  });
}, 30_000);

test("a weakness of what is in dist/ is a failure, and named with what brings it", async () => {
  const { code, text } = await audit({ status: 200, body: { minimatch: [weakness] } });
  expect(code).toBe(1);
  expect(text).toMatch(/^minimatch .*: high: Slow patterns https:\/\/example\.org\/weakness$/m);
  expect(text).toMatch(/^@actions\/cache .*: high: by /m);
}, 30_000);

test.each([
  ["", 0],
  ["--strict", 1],
])(
  "a registry without such a service: nothing is known %s",
  async (option, expected) => {
    const { code, text } = await audit({ status: 405 }, ...(option === "" ? [] : [option]));
    expect({ code, text }).toEqual({
      code: expected,
      text: expect.stringMatching(/^nothing is known: the advisory service does not answer \(.+\)\n$/),
    });
  },
  30_000,
);
