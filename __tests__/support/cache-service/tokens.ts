import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a job may do. Left out: the default branch, reading it and writing to it. */
export interface TokenOptions {
  /** Where saves go, e.g. `refs/heads/topic`. */
  scope?: string;
  /** Where restores look, in this order. Default: `scope`, then `refs/heads/main`. */
  readScopes?: readonly string[];
  /** `read` is what GitHub gives untrusted triggers. Default: `write`, which includes reading. */
  permission?: "read" | "write";
}

/** What a valid token grants. */
export interface Grant {
  writeScope: string | undefined;
  readScopes: readonly string[];
}

/** What a blob URL allows: `w` an upload, `r` a download. */
export type BlobPermission = "r" | "w";

interface AccessClaim {
  Scope: string;
  /** 1 read, 2 write, 3 both: the numbers of GitHub's own `ac` claim. */
  Permission: number;
}

const defaultBranch = "refs/heads/main";
const urlLifetime = 60 * 60 * 1000;
const jwtHeader = { alg: "HS256", typ: "JWT" };

/** The signing key kept in `directory`, so tokens and URLs stay valid when the service starts again. */
export function loadSecret(directory: string): Buffer {
  const file = join(directory, "secret");
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("hex"), { mode: 0o600 });
  return Buffer.from(readFileSync(file, "utf8"), "hex");
}

/** A JWT shaped as the runner's: an `ac` claim that holds JSON, scopes in the order they are searched. */
export function mintToken(secret: Buffer, options: TokenOptions = {}): string {
  const { scope = defaultBranch, permission = "write" } = options;
  const readScopes = options.readScopes ?? [scope, defaultBranch];
  const claims = new Map<string, number>(readScopes.map((readable) => [readable, 1]));
  if (permission === "write") claims.set(scope, (claims.get(scope) ?? 0) | 2);
  const access: AccessClaim[] = [...claims].map(([Scope, Permission]) => ({ Scope, Permission }));
  const payload = { ac: JSON.stringify(access), iss: "cache-service" };
  const unsigned = [jwtHeader, payload].map((part) => encode(JSON.stringify(part))).join(".");
  return `${unsigned}.${sign(secret, unsigned)}`;
}

/** What the `Authorization` header grants, or undefined when this service did not mint its token. */
export function readToken(secret: Buffer, authorization: string | undefined): Grant | undefined {
  const [, header, payload, signature] =
    /^Bearer ([^.]+)\.([^.]+)\.([^.]+)$/i.exec(authorization ?? "") ?? [];
  if (!header || !payload || !signature) return undefined;
  if (!isEqual(signature, sign(secret, `${header}.${payload}`))) return undefined;
  const { ac } = JSON.parse(Buffer.from(payload, "base64url").toString()) as { ac: string };
  const access = JSON.parse(ac) as AccessClaim[];
  return {
    writeScope: access.find(({ Permission }) => (Permission & 2) !== 0)?.Scope,
    readScopes: access.filter(({ Permission }) => (Permission & 1) !== 0).map(({ Scope }) => Scope),
  };
}

/** The query that opens blob `id` for one purpose, for an hour; parameter names are those of Azure's SAS. */
export function signBlob(secret: Buffer, id: number, permission: BlobPermission): string {
  const se = new Date(Date.now() + urlLifetime).toISOString();
  const sig = sign(secret, `${id} ${permission} ${se}`);
  return new URLSearchParams({ sp: permission, se, sig }).toString();
}

/** Whether the query of a request allows it. */
export function mayAccessBlob(
  secret: Buffer,
  id: number,
  permission: BlobPermission,
  query: URLSearchParams,
): boolean {
  const se = query.get("se") ?? "";
  const expected = sign(secret, `${id} ${permission} ${se}`);
  return isEqual(query.get("sig") ?? "", expected) && Date.parse(se) > Date.now();
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function sign(secret: Buffer, text: string): string {
  return createHmac("sha256", secret).update(text).digest("base64url");
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
