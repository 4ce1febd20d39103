import { createHash } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { download } from "../../src/nix/download.ts";

const content = Buffer.alloc(300_000, "tarball");
const sha256 = createHash("sha256").update(content).digest("hex");

/** What came of the last attempt that came to its end. */
let downloaded: Buffer | undefined;
let server: Server;
let origin: string;
let log: string;
let requests: string[];
/** What the server does with each request in turn; the last of them again and again. */
let answers: RequestListener[];

beforeEach(async () => {
  downloaded = undefined;
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

const get = (hash = sha256, limits: Parameters<typeof download>[2] = {}) =>
  download({ url: `${origin}/nix.tar.xz`, sha256: hash }, keep, { pause: 1, ...limits });

async function keep(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  downloaded = Buffer.concat(chunks);
}

const warnings = () => log.split("\n").filter((line) => line.startsWith("::warning::"));

test("a tarball is downloaded", async () => {
  answers = [whole];
  await get();
  expect(downloaded?.equals(content)).toBe(true);
  expect(requests).toEqual(["/nix.tar.xz"]);
  expect(log).toBe("");
});

test("another tarball than the expected is final: both hashes are named and nothing is left", async () => {
  answers = [whole];
  const expected = "0".repeat(64);
  await expect(get(expected)).rejects.toThrow(
    new Error(
      `${origin}/nix.tar.xz is not the tarball that was expected: its SHA-256 is ${sha256}, not ${expected}. Nothing of it is installed. Check nix-sha256, or whether the file was replaced.`,
    ),
  );
  expect(requests).toHaveLength(1);
  expect(downloaded).toBeUndefined();
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
  expect(downloaded).toBeUndefined();
});

test.each([429, 500, 502, 503])("%i passes: another attempt follows", async (code) => {
  answers = [status(code), status(code), whole];
  await get();
  expect(downloaded?.equals(content)).toBe(true);
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
  expect(downloaded).toBeUndefined();
});

test.each([
  ["with a length", { "content-length": content.length }],
  ["in chunks", {}],
])("a body that breaks off (%s) is downloaded anew, from its beginning", async (_, headers) => {
  answers = [half(headers), whole];
  await get();
  expect(downloaded?.equals(content)).toBe(true);
  expect(requests).toHaveLength(2);
  expect(warnings()).toHaveLength(1);
});

test("a redirect is followed", async () => {
  answers = [(_, response) => response.writeHead(302, { location: `${origin}/elsewhere` }).end(), whole];
  await get();
  expect(downloaded?.equals(content)).toBe(true);
  expect(requests).toEqual(["/nix.tar.xz", "/elsewhere"]);
});

test("a server that is not there is tried four times", async () => {
  answers = [whole];
  server.close();
  await expect(get()).rejects.toThrow(/^Cannot download .*ECONNREFUSED.* Check the runner's network/);
  expect(warnings()).toHaveLength(3);
});

test("redirects that do not end are final", async () => {
  answers = [(_, response) => response.writeHead(302, { location: `${origin}/again` }).end()];
  await expect(get()).rejects.toThrow(/^Cannot download Nix: the server answered 302 for /);
  expect(log).toBe("");
});

test("a server that falls silent is given up, and another attempt follows", async () => {
  const silent: RequestListener = (_, response) => {
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, 1000));
  };
  answers = [silent, () => {}, whole];
  await get(sha256, { silence: 0.2 });
  expect(downloaded?.equals(content)).toBe(true);
  expect(warnings()).toEqual([
    expect.stringContaining("failed (nothing came for 0.2 s); attempt 2"),
    expect.stringContaining("failed (The server's answer took longer than 0.2 s); attempt 3"),
  ]);
});

/** Never comes to its end, at the pace at which it is read. */
const endless: RequestListener = (_, response) => {
  response.writeHead(200);
  const more = () => {
    while (response.write(content));
    response.once("drain", more);
  };
  more();
};

test("what has no end is given up after so many bytes, for good", async () => {
  answers = [endless, whole];
  await expect(get(sha256, { bytes: 5_000_000 })).rejects.toThrow(
    new Error(
      `Cannot download Nix: ${origin}/nix.tar.xz has more than 5.0 MB, which no Nix release has. Check nix-url.`,
    ),
  );
  expect(requests).toHaveLength(1);
});

test("what says to be too long is not begun", async () => {
  answers = [(_, response) => response.writeHead(200, { "content-length": 10_000_000 }).write("x")];
  await expect(get(sha256, { bytes: 5_000_000 })).rejects.toThrow(/has more than 5\.0 MB/);
});

test("what takes too long is given up", async () => {
  answers = [endless, whole];
  await get(sha256, { duration: 0.2 });
  expect(downloaded?.equals(content)).toBe(true);
  expect(warnings()).toEqual([expect.stringContaining("failed (it takes longer than 0.2 s, after which")]);
});

const later =
  (headers: Record<string, string>): RequestListener =>
  (_, response) =>
    response.writeHead(429, headers).end();

test.each([
  ["seconds", () => "1"],
  ["a date", () => new Date(Date.now() + 2000).toUTCString()],
])("a server that asks for a pause is given it (%s)", async (_, value) => {
  answers = [later({ "retry-after": value() }), whole];
  const start = performance.now();
  await get();
  // A date has no milliseconds: it may be almost a second less.
  expect(performance.now() - start).toBeGreaterThan(900);
  expect(downloaded?.equals(content)).toBe(true);
});

test("a pause that no job should wait for is final", async () => {
  answers = [later({ "retry-after": "3600" }), whole];
  await expect(get()).rejects.toThrow(
    new Error(
      `Cannot download Nix: the server answered 429 for ${origin}/nix.tar.xz, and wants to be asked again in 3600 s. Run the job later, or give a mirror with nix-url and nix-sha256.`,
    ),
  );
  expect(requests).toHaveLength(1);
});

test("what goes wrong with the bytes is no fault of the network's, and closes the connection", async () => {
  answers = [endless];
  const tarball = { url: `${origin}/nix.tar.xz`, sha256 };
  const full = new Error("No space left on device");
  const use = async (bytes: AsyncIterable<Uint8Array>) => {
    for await (const chunk of bytes) if (chunk.length > 0) throw full;
  };
  await expect(download(tarball, use, { pause: 1 })).rejects.toBe(full);
  expect(requests).toHaveLength(1);
  const open = () =>
    new Promise<number>((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  while ((await open()) > 0) await new Promise(setImmediate);
});
