import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface RegistryOptions {
  /** Where it keeps its images; made when missing. */
  directory: string;
  /** Default: any free one. */
  port?: number;
  /** Refuses uploads. */
  readOnly?: boolean;
  /** PEM files, to speak TLS. Default: plain HTTP. */
  tls?: { certificate: string; key: string };
  /** A file of htpasswd(1) with bcrypt: nothing is for those who do not log in. Default: open for all. */
  htpasswd?: string;
}

export interface Registry {
  /** Address and port, as an image's name begins: `127.0.0.1:5000`. */
  host: string;
  close(): Promise<void>;
}

/** How long it may take to start, in milliseconds. */
const START_TIME = 20_000;

/**
 * Starts a container registry (Debian's docker-registry) on loopback; it answers when this returns.
 *
 * @throws Error with the registry's last words when it does not start.
 */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const scratch = await mkdtemp(join(tmpdir(), "registry-"));
  const file = join(scratch, "config.json");
  await writeFile(file, JSON.stringify(configuration(options)));
  // Ends with this process, even if that is killed.
  const child = spawn("setpriv", ["--pdeathsig", "TERM", "docker-registry", "serve", file], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: "none" },
  });
  const close = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, "close");
    }
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    const host = await listening(child);
    const status = await answer(host, options.tls !== undefined);
    const expected = options.htpasswd === undefined ? 200 : 401;
    if (status !== expected) throw new Error(`The registry at ${host} answers with status ${status}`);
    return { host, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** JSON is YAML, so this is the registry's configuration file. */
function configuration({ directory, port = 0, readOnly = false, tls, htpasswd }: RegistryOptions) {
  return {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: directory },
      delete: { enabled: !readOnly },
      maintenance: { readonly: { enabled: readOnly }, uploadpurging: { enabled: false } },
    },
    http: {
      addr: `127.0.0.1:${port}`,
      secret: "loopback",
      debug: { addr: "" },
      ...(tls === undefined ? {} : { tls }),
    },
    ...(htpasswd === undefined ? {} : { auth: { htpasswd: { realm: "loopback", path: htpasswd } } }),
  };
}

/** The status that a registry gives to whoever asks. */
function answer(host: string, tls: boolean): Promise<number | undefined> {
  const url = `${tls ? "https" : "http"}://${host}/v2/`;
  return new Promise((resolve, reject) => {
    const got = (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode);
    };
    // Nobody but the caller knows who signed its certificate.
    const request = tls ? https.get(url, { rejectUnauthorized: false }, got) : http.get(url, got);
    request.once("error", reject);
  });
}

/** The address in the line that says where the registry listens: the only way to learn a port it chose. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`docker-registry ${why}\n${said.join("\n")}`));
    };
    const timer = setTimeout(() => fail(`does not listen after ${START_TIME / 1000} s`), START_TIME);
    child.once("error", (error) => fail(`cannot be run: ${error.message}. Run script/bootstrap.`));
    child.once("close", (code) => fail(`ended with code ${code}`));
    if (child.stderr === null) return fail("has no standard error");
    // Read to the end, or the registry would block on a full pipe.
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.splice(0, said.length - 4);
      said.push(line);
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
