import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, sources } from "../../assets/cache.ts";
import { type Layer, packLayer, pushImage } from "../../assets/image.ts";
import { IMAGES, imageRegistryData } from "../../assets/images.ts";
import { startRegistry } from "../../assets/registry.ts";
import { run } from "../../assets/run.ts";
import { fhsRoot } from "../../world/environment.ts";
import { writeContent } from "./content.ts";

/** {@link IMAGES.big} with three layers on top, 4 GB unpacked. */
const LARGE = { name: "large", tag: "latest" };
const LAYERS = ["one", "two", "three"];
const LAYER_BYTES = 1_000_000_000;

/** An image to store, and how it is called after the registry's host and a slash. */
export interface Size {
  /** Unpacked. */
  label: "0.1 GB" | "1 GB" | "4 GB";
  image: string;
}

export const quickSizes: readonly Size[] = [{ label: "0.1 GB", image: IMAGES.debian }];
export const allSizes: readonly Size[] = [
  ...quickSizes,
  { label: "1 GB", image: IMAGES.big },
  { label: "4 GB", image: `${LARGE.name}:${LARGE.tag}` },
];

/**
 * The storage folder of a registry that holds the images of {@link allSizes}. Made on first use (some minutes, 10 GB
 * while that lasts), and kept.
 */
export async function largeRegistryData(): Promise<string> {
  const [small, source] = [await imageRegistryData(), join(await fhsRoot(), "usr")];
  const recipe = [small, source, LAYERS, LAYER_BYTES, await sources("../bench/cache/content.ts")];
  const folder = await cached("large-image", recipe, async (partial) => {
    const directory = join(partial, "registry");
    await cp(small, directory, { recursive: true });
    const layers: Layer[] = [];
    for (const name of LAYERS) {
      const tree = join(partial, name);
      await writeContent(source, join(tree, "srv", name), LAYER_BYTES, name);
      await run("tar", ["--create", "--file", `${tree}.tar`, "--numeric-owner", "--directory", tree, "srv"]);
      await rm(tree, { recursive: true });
      layers.push(await packLayer(`${tree}.tar`));
      await rm(`${tree}.tar`);
    }
    const registry = await startRegistry({ directory });
    try {
      const below = await layersOf(registry.host, IMAGES.big, directory);
      await pushImage(registry.host, { ...LARGE, layers: [...below, ...layers], command: ["python3"] });
    } finally {
      await registry.close();
    }
    for (const { path } of layers) await rm(path);
  });
  return join(folder, "registry");
}

/** The layers of an image that a registry has, with their files in its storage folder. */
async function layersOf(host: string, image: string, directory: string): Promise<Layer[]> {
  const [name, tag] = image.split(":");
  const get = async <T>(path: string, accept: string): Promise<T> => {
    const answer = await fetch(`http://${host}/v2/${name}/${path}`, { headers: { accept } });
    if (!answer.ok) throw new Error(`${answer.url}: status ${answer.status}`);
    return (await answer.json()) as T;
  };
  const manifest = await get<{
    config: { digest: string };
    layers: { digest: string; size: number }[];
  }>(`manifests/${tag}`, "application/vnd.oci.image.manifest.v1+json");
  const config = await get<{ rootfs: { diff_ids: string[] } }>(`blobs/${manifest.config.digest}`, "*/*");
  return manifest.layers.map(({ digest, size }, index) => {
    const hex = digest.replace("sha256:", "");
    const path = join(directory, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
    return { path, digest, size, diffId: config.rootfs.diff_ids[index] ?? "", unpackedSize: 0 };
  });
}

/** A build context that adds 40 MB to an image, in a folder of the host. */
export async function writeChange(directory: string, image: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeContent(join(await fhsRoot(), "usr"), join(directory, "files"), 40_000_000, "change");
  await writeFile(join(directory, "Containerfile"), `FROM ${image}\nCOPY files /srv/change\n`);
}
