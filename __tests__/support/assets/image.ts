import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** A packed layer; digests as `sha256:HEX`, sizes in bytes. */
export interface Layer {
  /** The gzip file. */
  path: string;
  digest: string;
  size: number;
  /** Digest and size of the tar inside. */
  diffId: string;
  unpackedSize: number;
}

export interface Image {
  /** As in `busybox`. */
  name: string;
  tag: string;
  /** Lowest first. */
  layers: readonly Layer[];
  command: readonly string[];
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** Always the same, for equal images of equal layers. */
const CREATED = "2026-01-01T00:00:00Z";

/** Node's names of processors and OCI's. */
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

/** Compresses a layer's tar file to `TAR.gz`, fast rather than small. */
export async function packLayer(tar: string): Promise<Layer> {
  const path = `${tar}.gz`;
  const [diffId, digest] = [createHash("sha256"), createHash("sha256")];
  await pipeline(
    createReadStream(tar),
    tap(diffId),
    createGzip({ level: 1 }),
    tap(digest),
    createWriteStream(path),
  );
  return {
    path,
    digest: `sha256:${digest.digest("hex")}`,
    size: (await stat(path)).size,
    diffId: `sha256:${diffId.digest("hex")}`,
    unpackedSize: (await stat(tar)).size,
  };
}

/**
 * Uploads an image to a registry that speaks plain HTTP and asks for no login.
 *
 * @param host address and port
 * @throws Error with the registry's answer.
 */
export async function pushImage(host: string, { name, tag, layers, command }: Image): Promise<void> {
  const config = JSON.stringify({
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: "linux",
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: command,
    },
    created: CREATED,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    // Without it no build on top ever finds a step in its cache.
    history: layers.map(({ path }) => ({ created: CREATED, created_by: basename(path) })),
  });
  const configDigest = `sha256:${createHash("sha256").update(config).digest("hex")}`;
  const repository = `http://${host}/v2/${name}`;
  for (const { path, digest, size } of layers) {
    await pushBlob(repository, digest, size, () => createReadStream(path));
  }
  await pushBlob(repository, configDigest, config.length, () => config);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: configDigest, size: config.length },
    layers: layers.map(({ digest, size }) => ({ mediaType: LAYER, digest, size })),
  };
  const answer = await fetch(`${repository}/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": MANIFEST },
    body: JSON.stringify(manifest),
  });
  await expectStatus(answer, 201);
}

async function pushBlob(
  repository: string,
  digest: string,
  size: number,
  content: () => string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const begun = await fetch(`${repository}/blobs/uploads/`, { method: "POST" });
  await expectStatus(begun, 202);
  const place = new URL(begun.headers.get("location") ?? "", repository);
  place.searchParams.set("digest", digest);
  const answer = await fetch(place, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream", "content-length": String(size) },
    body: content(),
    // A stream can only be sent once, while the answer is still to come.
    duplex: "half",
  } as RequestInit);
  await expectStatus(answer, 201);
}

async function expectStatus(answer: Response, status: number): Promise<void> {
  const text = await answer.text();
  if (answer.status !== status) {
    throw new Error(`${answer.url}: status ${answer.status} instead of ${status}: ${text}`);
  }
}

/** Passes a stream on and feeds it to a hash. */
function tap(hash: Hash): PassThrough {
  return new PassThrough().on("data", (chunk: Buffer) => hash.update(chunk));
}
