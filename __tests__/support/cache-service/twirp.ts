import type { Blobs } from "./blobs.ts";
import type { Catalog } from "./catalog.ts";
import { findMatch, findSame } from "./entries.ts";
import { jsonReply, type Reply } from "./replies.ts";
import type { TwirpKind } from "./requests.ts";
import type { BlobPermission, Grant } from "./tokens.ts";

/** A request's message, in the proto's own field names. https://protobuf.dev/programming-guides/json/ */
export interface Message {
  key?: string;
  version?: string;
  restore_keys?: string[];
  /** An int64, hence a string in JSON; left out when 0. */
  size_bytes?: string | number;
}

/**
 * How a save with a read-only token is refused. `status`: Twirp's permission_denied, 403. `message`: 200 with
 * `ok: false`, the only form in which @actions/cache recognizes the denial and warns about it.
 */
export type WriteDenial = "status" | "message";

export interface TwirpContext {
  catalog: Catalog;
  blobs: Blobs;
  grant: Grant;
  writeDenial: WriteDenial;
  signedUrl(id: number, permission: BlobPermission): string;
}

const maxKeyLength = 512;
const maxKeys = 10;
// @actions/cache looks for these words.
const writeDenied = "cache write denied: the token is read-only";
const readDenied = "cache read denied: the token has no readable scopes";

/** Answers one of the three calls of github.actions.results.api.v1.CacheService. */
export async function callTwirp(kind: TwirpKind, message: Message, context: TwirpContext): Promise<Reply> {
  const complaint = findComplaint(message);
  if (complaint) return twirpError(400, "invalid_argument", complaint);
  const { key = "", version = "" } = message;
  switch (kind) {
    case "create":
      return create(key, version, context);
    case "finalize":
      return finalize(key, version, Number(message.size_bytes ?? 0), context);
    case "lookup":
      return lookup(key, version, message.restore_keys ?? [], context);
  }
}

/** An error as Twirp words it. */
export function twirpError(status: number, code: string, msg: string): Reply {
  return jsonReply(status, { code, msg });
}

async function create(key: string, version: string, context: TwirpContext): Promise<Reply> {
  const { catalog, blobs, grant, signedUrl } = context;
  if (grant.writeScope === undefined) return denyWrite(context);
  const reservation = catalog.reserve({ key, version, scope: grant.writeScope });
  if (!reservation) {
    const taken = "cache entry with the same key, version, and scope already exists";
    return twirpError(409, "already_exists", taken);
  }
  if (reservation.expired) await blobs.remove(reservation.expired.id);
  return jsonReply(200, { ok: true, signed_upload_url: signedUrl(reservation.entry.id, "w") });
}

async function finalize(key: string, version: string, size: number, context: TwirpContext): Promise<Reply> {
  const { catalog, blobs, grant } = context;
  if (grant.writeScope === undefined) return denyWrite(context);
  const entry = findSame(catalog.entries, { key, version, scope: grant.writeScope });
  if (!entry) return twirpError(404, "not_found", "no upload of this key and version was begun");
  const uploaded = await blobs.size(entry.id);
  if (uploaded !== size) {
    return jsonReply(200, { ok: false, message: `uploaded ${uploaded ?? "no"} bytes, expected ${size}` });
  }
  // Finalizing twice is harmless: the library repeats a call whose answer got lost.
  if (entry.state === "uploading") catalog.finalize(entry, size);
  return jsonReply(200, { ok: true, entry_id: `${entry.id}` });
}

function lookup(key: string, version: string, restoreKeys: string[], context: TwirpContext): Reply {
  const { catalog, grant, signedUrl } = context;
  if (grant.readScopes.length === 0) return twirpError(403, "permission_denied", readDenied);
  const entry = findMatch(catalog.entries, { key, version, restoreKeys, scopes: grant.readScopes });
  if (!entry) return jsonReply(200, { ok: false });
  return jsonReply(200, {
    ok: true,
    signed_download_url: signedUrl(entry.id, "r"),
    matched_key: entry.key,
  });
}

function denyWrite({ writeDenial }: TwirpContext): Reply {
  return writeDenial === "message"
    ? jsonReply(200, { ok: false, message: writeDenied })
    : twirpError(403, "permission_denied", writeDenied);
}

function findComplaint({ key, version, restore_keys = [] }: Message): string | undefined {
  if (!version) return "version is required";
  if (!key) return "key is required";
  const keys = [key, ...restore_keys];
  if (keys.length > maxKeys) return `${keys.length} keys, at most ${maxKeys} are allowed`;
  const bad = keys.find((one) => one.length > maxKeyLength || one.includes(","));
  return bad === undefined ? undefined : `invalid key '${bad}'`;
}
