import { parseArgs } from "node:util";
import { startCacheService, type TokenOptions } from "./index.ts";

const usage = `Usage: node serve.ts --directory DIR [OPTION...]

Runs a local cache service until it is told to stop (SIGINT, SIGTERM). When it is ready it prints one line of JSON:
its url, and the environment that makes @actions/cache use it.

  --directory DIR     holds entries and archives, kept from one run to the next
  --port N            default: any free port
  --host ADDRESS      default: 127.0.0.1
  --blob-host NAME    host name in the URLs of archives; default: ADDRESS
  --scope REF         branch the token saves to; default: refs/heads/main
  --read-scope REF    branch the token restores from, repeatable, searched in order; default: REF, refs/heads/main
  --permission P      read or write; default: write
  --help`;

try {
  await serve();
} catch (error) {
  // An unknown option, a port that is taken, a folder that cannot be written.
  fail((error as Error).message);
}

async function serve(): Promise<void> {
  const { values } = parseArgs({
    options: {
      directory: { type: "string" },
      port: { type: "string", default: "0" },
      host: { type: "string", default: "127.0.0.1" },
      "blob-host": { type: "string" },
      scope: { type: "string" },
      "read-scope": { type: "string", multiple: true },
      permission: { type: "string", default: "write" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(usage);
  const { directory, host, permission } = values;
  const port = Number(values.port);
  if (directory === undefined) return fail("--directory is missing. Name a folder to keep the entries in.");
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    return fail(`Invalid --port '${values.port}'. Expected 0 to 65535.`);
  }
  if (permission !== "read" && permission !== "write") {
    return fail(`Invalid --permission '${permission}'. Expected read or write.`);
  }
  const blobHost = values["blob-host"];
  const readScopes = values["read-scope"];
  const service = await startCacheService({ directory, port, host, ...(blobHost ? { blobHost } : {}) });
  const token: TokenOptions = {
    permission,
    ...(values.scope ? { scope: values.scope } : {}),
    ...(readScopes ? { readScopes } : {}),
  };
  console.log(JSON.stringify({ url: service.url, environment: service.environment(token) }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => service.close());
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 2;
}
