import { rm } from "node:fs/promises";
import { join } from "node:path";
import { asset, cached, sources } from "./cache.ts";
import { mmdebstrap, mmdebstrapArguments } from "./debian-root.ts";
import { type Image, packLayer, pushImage } from "./image.ts";
import { startRegistry } from "./registry.ts";

/** The images that {@link imageRegistryData} holds, as they are named after the registry's host and a slash. */
export const IMAGES = {
  /** 2 MB: a static busybox with its applets, httpd and wget among them. */
  busybox: "busybox:latest",
  /** 130 MB: minimal Debian trixie with apt, bash and a bare python3. */
  debian: "debian:trixie",
  /** Over 850 MB unpacked: {@link IMAGES.debian} with scientific Python, compilers and a layer of hard cases. */
  big: "big:latest",
};

/** What makes the big image big, and setcap. */
const BIG_PACKAGES = [
  "python3",
  "python3-scipy",
  "python3-pandas",
  "python3-sklearn",
  "python3-numba",
  "g++",
  "gfortran",
  "libcap2-bin",
];

/**
 * The storage folder of a registry that holds all {@link IMAGES}, to be served read-only by `startRegistry`. Made on
 * first use from Debian's packages (about two minutes, needs root or sudo), without any container engine.
 *
 * @throws Error with the complaint of the program that failed.
 */
export async function imageRegistryData(): Promise<string> {
  const args = mmdebstrapArguments("trixie", ["python3-minimal"]);
  const recipe = [args, BIG_PACKAGES, await sources("image-layers.sh", "image.ts", "images.ts")];
  const folder = await cached("images", recipe, async (partial) => {
    await mmdebstrap(
      ["--format=null", `--customize-hook=${asset("image-layers.sh")}`, ...args, "trixie", "-"],
      partial,
      { LAYERS: partial, BIG_PACKAGES: BIG_PACKAGES.join(" ") },
    );
    const [busybox, debian, packages, details] = await Promise.all([
      packLayer(join(partial, "busybox.tar")),
      packLayer(join(partial, "debian.tar")),
      packLayer(join(partial, "packages.tar")),
      packLayer(join(partial, "details.tar")),
    ]);
    const registry = await startRegistry({ directory: join(partial, "registry") });
    try {
      await pushImage(registry.host, image(IMAGES.busybox, [busybox], ["sh"]));
      await pushImage(registry.host, image(IMAGES.debian, [debian], ["bash"]));
      await pushImage(registry.host, image(IMAGES.big, [debian, packages, details], ["python3"]));
    } finally {
      await registry.close();
    }
    for (const layer of ["busybox", "debian", "packages", "details"]) {
      await rm(join(partial, `${layer}.tar`));
      await rm(join(partial, `${layer}.tar.gz`));
    }
  });
  return join(folder, "registry");
}

function image(reference: string, layers: Image["layers"], command: string[]): Image {
  const [name = "", tag = ""] = reference.split(":");
  return { name, tag, layers, command };
}
