import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { download } from "../../src/nix/download.ts";

const content = Buffer.alloc(300_000, "tarball");
const sha256 = createHash("sha256").update(content).digest("hex");

let directory: string;
let file: string;
let server: Server;
let origin: string;
let log: string;
let requests: string[];
/** What the server does with each request in turn; the last of them again and again. */
let answers: RequestListener[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "download-"));
  file = join(directory, "nix.tar.xz");
  requests = [];
  log = "";
  server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request.url ?? "");
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  jest.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    log += chunk;
    return true;
  });
});

afterEach(async () => {
  jest.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

const whole: RequestListener = (_, response) => response.end(content);
const status =
  (code: number): RequestListener =>
  (_, response) =>
    response.writeHead(code).end("no");
/** Half of the content, and then the connection breaks. */
const half =
  (headers: Record<string, number>): RequestListener =>
  (_, response) => {
    response.writeHead(200, headers);
    response.write(content.subarray(0, content.length / 2), () => setTimeout(() => response.destroy(), 20));
  };

const get = (hash = sha256) => download({ url: `${origin}/nix.tar.xz`, sha256: hash }, file, 1);
const warnings = () => log.split("\n").filter((line) => line.startsWith("::warning::"));

test("a tarball is downloaded", async () => {
  answers = [whole];
  await get();
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(requests).toEqual(["/nix.tar.xz"]);
  expect(log).toBe("");
});

test("another tarball than the expected is final: both hashes are named and nothing is left", async () => {
  answers = [whole];
  const expected = "0".repeat(64);
  await expect(get(expected)).rejects.toThrow(
    new Error(
      `${origin}/nix.tar.xz is not the tarball that was expected: its SHA-256 is ${sha256}, not ${expected}. Nothing was unpacked. Check nix-sha256, or whether the file was replaced.`,
    ),
  );
  expect(requests).toHaveLength(1);
  expect(existsSync(file)).toBe(false);
  expect(log).toBe("");
});

test.each([401, 403, 404, 410])("%i is final", async (code) => {
  answers = [status(code), whole];
  await expect(get()).rejects.toThrow(
    new Error(
      `Cannot download Nix: the server answered ${code} for ${origin}/nix.tar.xz. Check nix-version or nix-url.`,
    ),
  );
  expect(requests).toHaveLength(1);
  expect(existsSync(file)).toBe(false);
});

test.each([429, 500, 502, 503])("%i passes: another attempt follows", async (code) => {
  answers = [status(code), status(code), whole];
  await get();
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(requests).toHaveLength(3);
  expect(warnings()).toEqual(
    [2, 3].map(
      (attempt) =>
        `::warning::Download of ${origin}/nix.tar.xz failed (the server answered ${code} for ${origin}/nix.tar.xz); attempt ${attempt} of 4 follows`,
    ),
  );
});

test("after the fourth attempt the error says what to do", async () => {
  answers = [status(503)];
  await expect(get()).rejects.toThrow(
    new Error(
      `Cannot download ${origin}/nix.tar.xz: the server answered 503 for ${origin}/nix.tar.xz. Check the runner's network, or give a mirror with nix-url and nix-sha256.`,
    ),
  );
  expect(requests).toHaveLength(4);
  expect(existsSync(file)).toBe(false);
});

test.each([
  ["with a length", { "content-length": content.length }],
  ["in chunks", {}],
])("a body that breaks off (%s) is downloaded anew, from its beginning", async (_, headers) => {
  answers = [half(headers), whole];
  await get();
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(requests).toHaveLength(2);
  expect(warnings()).toHaveLength(1);
});

test("a redirect is followed", async () => {
  answers = [(_, response) => response.writeHead(302, { location: `${origin}/elsewhere` }).end(), whole];
  await get();
  expect(readFileSync(file).equals(content)).toBe(true);
  expect(requests).toEqual(["/nix.tar.xz", "/elsewhere"]);
});

test("a server that is not there is tried four times", async () => {
  answers = [whole];
  server.close();
  await expect(get()).rejects.toThrow(/^Cannot download .*ECONNREFUSED.* Check the runner's network/);
  expect(warnings()).toHaveLength(3);
});

test("a disk that is full is not the network's fault", async () => {
  answers = [whole];
  // A link, because what fails is removed, and the device is everybody's.
  symlinkSync("/dev/full", file);
  await expect(get()).rejects.toThrow(/ENOSPC/);
  expect(requests).toHaveLength(1);
});
