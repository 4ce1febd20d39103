import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRegistry } from "../assets/registry.ts";
import { run } from "../assets/run.ts";

export interface SecureRegistry {
  /** Address and port. */
  host: string;
  /** The certificate of its own authority, PEM. */
  authority: string;
  close(): Promise<void>;
}

/** The only user's, for a registry with a login. */
export const USER = "me";
export const PASSWORD = "right";
/** bcrypt's word for {@link PASSWORD}, which Node cannot compute. */
const HASH = "$2b$05$loopbackloopbackloopbuuVxiDqy9mlj.hiuGoQ3hNiEvyiP2v2q";

/** Starts an empty registry with TLS, signed by an authority that no machine knows, and with a login if wanted. */
export async function startSecureRegistry({ login = false } = {}): Promise<SecureRegistry> {
  const scratch = mkdtempSync(join(tmpdir(), "secure-registry-"));
  const path = (name: string) => join(scratch, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const openssl = (...args: string[]) => run("openssl", args, { cwd: scratch });
  writeFileSync(path("names"), "subjectAltName=IP:127.0.0.1");
  writeFileSync(path("htpasswd"), `${USER}:${HASH}\n`);
  await openssl("req", "-x509", ...key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt");
  await openssl(
    "req",
    ...key.slice(0, -2),
    "-subj",
    "/CN=127.0.0.1",
    "-keyout",
    "host.key",
    "-out",
    "host.csr",
  );
  const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"];
  await openssl("x509", "-req", "-in", "host.csr", ...by, "-out", "host.crt");
  const registry = await startRegistry({
    directory: path("registry"),
    tls: { certificate: path("host.crt"), key: path("host.key") },
    ...(login ? { htpasswd: path("htpasswd") } : {}),
  });
  return {
    host: registry.host,
    authority: readFileSync(path("ca.crt"), "utf8"),
    close: async () => {
      await registry.close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
