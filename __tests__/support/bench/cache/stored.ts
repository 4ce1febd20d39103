import type { Segment } from "../../../../src/store/segment.ts";
import { type Desk, environmentOf, graphRootOf, TEMPORARY } from "./desk.ts";
import { type Size, writeChange } from "./images.ts";

/** The same store in every form that is compared; paths are the machine's, sizes in bytes. */
export interface Stored {
  size: Size;
  /** The name of the store that the image was pulled into. */
  store: string;
  /** As podman knows it. */
  image: string;
  segment: Segment;
  tarball: string;
  /** What `podman save` wrote, compressed. */
  archive: string;
  /** As uploaded. */
  bytes: { segment: number; tarball: number; archive: number };
  /** The prefix of the cache keys that the segment is saved by; done when first called. */
  published(): Promise<string>;
  /** Adds 40 MB to the image, in this store and in one that stands on the segment; done when first called. */
  changed(): Promise<Change>;
}

export interface Change {
  /** The name of the store that has nothing but the change on top of the segment. */
  store: string;
  image: string;
  /** Of the change's own files, packed and compressed as {@link saveAsTar} does. */
  bytes: number;
}

/** The best of what people do by hand: all of the store, with what belongs to a file. */
export const saveAsTar = (store: string, file: string) => `at ${store} exec tar --create --file - \
--directory ${graphRootOf(store)} --xattrs '--xattrs-include=*' --numeric-owner \
overlay overlay-images overlay-layers | zstd -q -T0 -3 -f -o ${file}`;

export const restoreTar = (store: string, file: string) => `zstd -q -d -c ${file} | at ${store} exec \
tar --extract --preserve-permissions --file - --directory ${graphRootOf(store)} --xattrs '--xattrs-include=*' --numeric-owner`;

export const saveAsArchive = (store: string, image: string, file: string) =>
  `at ${store} exec podman save --quiet ${image} | zstd -q -T0 -3 -f -o ${file}`;

export const loadArchive = (store: string, file: string) =>
  `zstd -q -d -c ${file} | at ${store} exec podman load --quiet`;

/** Pulls an image of the registry into a store of its own, and saves that in every way. */
export async function makeStored(desk: Desk, size: Size): Promise<Stored> {
  const store = `pulled-${size.label.replaceAll(/[^0-9]/g, "")}`;
  const image = `${desk.registry}/${size.image}`;
  const [segments, uploaded, tarball, archive] = ["segments", "segment.zst", "tar.zst", "archive.zst"].map(
    (name) => `/home/runner/saved/${store}.${name}`,
  ) as [string, string, string, string];
  await desk.renew(store);
  await desk.sh(`mkdir -p ~/saved; at ${store} exec podman pull --quiet --tls-verify=false ${image}`);
  const environment = environmentOf(store);
  const request = { environment, chain: [], directory: segments, archive: uploaded };
  const { digest } = await desk.ours("pack", request);
  await desk.sh(saveAsTar(store, tarball));
  await desk.sh(saveAsArchive(store, image, archive));
  const segment = { digest, file: `${segments}/${digest}.squashfs` };
  return {
    ...{ size, store, image, segment, tarball, archive },
    bytes: {
      segment: await sizeOf(desk, uploaded),
      tarball: await sizeOf(desk, tarball),
      archive: await sizeOf(desk, archive),
    },
    published: once(async () => {
      const prefix = `${store}+`;
      await desk.ours("publish", { segment, prefix, temporary: TEMPORARY });
      return prefix;
    }),
    changed: once(() => change(desk, { store, image, segment })),
  };
}

async function change(
  desk: Desk,
  { store, image, segment }: Pick<Stored, "store" | "image" | "segment">,
): Promise<Change> {
  const changed = { store: `changed-${store}`, image: "localhost/changed:latest" };
  const context = `/home/runner/context-${store}`;
  await writeChange(desk.directory(context), image);
  const segments = await desk.renew(changed.store, [segment]);
  const environment = environmentOf(changed.store);
  await desk.ours("attach", { environment, segments, way: "mounted by the kernel", image });
  for (const name of [store, changed.store]) {
    await desk.sh(`at ${name} exec podman build --quiet --tag ${changed.image} ${context}`);
  }
  const file = "/home/runner/saved/change.tar.zst";
  await desk.sh(`tar --create --file - --directory ${context} files | zstd -q -T0 -3 -f -o ${file}`);
  return { ...changed, bytes: await sizeOf(desk, file) };
}

export const sizeOf = async (desk: Desk, file: string): Promise<number> =>
  Number(await desk.sh(`stat --format %s ${file}`));

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
