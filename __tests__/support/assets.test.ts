import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { asset, cached } from "./assets/cache.ts";
import { startFileServer } from "./assets/file-server.ts";
import { IMAGES, imageRegistryData } from "./assets/images.ts";
import { type NixTarball, nixTarball } from "./assets/nix-tarball.ts";
import { type Registry, startRegistry } from "./assets/registry.ts";
import { run, runAsRoot } from "./assets/run.ts";

/** Making everything anew, in milliseconds: only the first run on a machine takes so long. */
const UNCACHED = 600_000;

let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "assets-"));
});

afterAll(() => rm(scratch, { recursive: true }));

describe("cache", () => {
  const own = process.env.PODMAN_ROOTLESS_TEST_CACHE;

  beforeAll(() => {
    process.env.PODMAN_ROOTLESS_TEST_CACHE = join(scratch, "cache");
  });

  afterAll(() => {
    if (own === undefined) delete process.env.PODMAN_ROOTLESS_TEST_CACHE;
    else process.env.PODMAN_ROOTLESS_TEST_CACHE = own;
  });

  test("makes a folder once, however many ask at the same time", async () => {
    let made = 0;
    const ask = () =>
      cached("thing", { version: 1 }, async (folder) => {
        made += 1;
        await writeFile(join(folder, "file"), "whole");
      });
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(second).toBe(first);
    expect(made).toBe(1);
    expect(await readFile(join(first, "file"), "utf8")).toBe("whole");
    expect(await cached("thing", { version: 2 }, async () => {})).not.toBe(first);
  });

  test("keeps nothing half made", async () => {
    const fail = cached("broken", 1, async (folder) => {
      await writeFile(join(folder, "file"), "half");
      throw new Error("disk on fire");
    });
    await expect(fail).rejects.toThrow("disk on fire");
    const left = await readdir(join(scratch, "cache"));
    expect(left.filter((name) => name.includes("broken"))).toEqual(["broken.lock"]);
  });
});

describe("file server", () => {
  test("serves files and faults", async () => {
    await writeFile(join(scratch, "file"), "0123456789");
    const server = await startFileServer(scratch, {
      fault: (path, count) => {
        if (path === "/gone") return { kind: "status", status: 503 };
        return path === "/file" && count === 2 ? { kind: "truncate", bytes: 4 } : undefined;
      },
    });
    try {
      expect(await (await fetch(`${server.url}/file`)).text()).toBe("0123456789");
      await expect(fetch(`${server.url}/file`).then((answer) => answer.text())).rejects.toThrow();
      expect((await fetch(`${server.url}/gone`)).status).toBe(503);
      expect((await fetch(`${server.url}/none`)).status).toBe(404);
      expect((await fetch(`${server.url}/%2e%2e%2f${basename(scratch)}/file`)).status).toBe(404);
      expect(server.requests.slice(0, 3)).toEqual(["/file", "/file", "/gone"]);
    } finally {
      await server.close();
    }
  });

  test("stalls after the promised bytes", async () => {
    await writeFile(join(scratch, "slow"), "0123456789");
    const server = await startFileServer(scratch, { fault: () => ({ kind: "stall", bytes: 4 }) });
    try {
      const answer = await fetch(`${server.url}/slow`, { signal: AbortSignal.timeout(500) });
      expect(answer.headers.get("content-length")).toBe("10");
      await expect(answer.text()).rejects.toThrow(/timeout/);
    } finally {
      await server.close();
    }
  });
});

describe("Nix tarball", () => {
  let tarball: NixTarball;

  beforeAll(async () => {
    tarball = await nixTarball();
  }, UNCACHED);

  test("has the official layout", async () => {
    const top = `nix-${tarball.version}-${tarball.system}`;
    expect(basename(tarball.path)).toBe(`${top}.tar.xz`);
    const names = (await run("tar", ["--list", "--file", tarball.path])).split("\n");
    expect(names).toEqual(expect.arrayContaining([`${top}/.reginfo`, `${top}/install`, `${top}/store/`]));
    const stored = names.flatMap(
      (name) => name.match(/\/store\/([0-9a-df-np-sv-z]{32}-[^/]+)\/$/)?.[1] ?? [],
    );
    expect(stored.map((name) => name.slice(33).replace(/-[0-9.]+$/, ""))).toEqual(
      expect.arrayContaining(["nix", "nss-cacert"]),
    );
    const registered = await run("tar", [
      "--extract",
      "--to-stdout",
      "--file",
      tarball.path,
      `${top}/.reginfo`,
    ]);
    for (const name of stored) expect(registered).toContain(`/nix/store/${name}\nsha256:`);
  });

  test("installs and builds for a plain user, with nothing but /nix", async () => {
    const said = await runAsRoot(asset("nix-tarball-check.sh"), [tarball.path]);
    expect(said).toContain(`nix (Nix) ${tarball.version}\n2\n`);
    expect(said).toMatch(/^\/nix\/store\/\w{32}-nix-libraries-[0-9.]+$/m);
    expect(said).toContain("built by 1001\n");
    // What `nix-store --verify --check-contents` says of a hash in .reginfo that is not the content's.
    expect(said).not.toContain("modified");
  }, 60_000);
});

describe("image registry", () => {
  let registry: Registry;

  beforeAll(async () => {
    registry = await startRegistry({ directory: await imageRegistryData(), readOnly: true });
  }, UNCACHED);

  afterAll(() => registry?.close());

  /** What a manifest of the registry says, by an image's name and tag. */
  async function manifest(reference: string) {
    const answer = await fetch(`http://${registry.host}/v2/${reference.replace(":", "/manifests/")}`, {
      headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as {
      config: { digest: string };
      layers: { digest: string; size: number }[];
    };
  }

  async function blob(reference: string, digest: string): Promise<Buffer> {
    const answer = await fetch(`http://${registry.host}/v2/${reference.split(":")[0]}/blobs/${digest}`);
    expect(answer.status).toBe(200);
    const content = Buffer.from(await answer.arrayBuffer());
    expect(`sha256:${createHash("sha256").update(content).digest("hex")}`).toBe(digest);
    return content;
  }

  test("serves every image and takes none", async () => {
    for (const reference of Object.values(IMAGES)) {
      const { config, layers } = await manifest(reference);
      const { rootfs } = JSON.parse((await blob(reference, config.digest)).toString());
      expect(rootfs.diff_ids).toHaveLength(layers.length);
    }
    const upload = await fetch(`http://${registry.host}/v2/busybox/blobs/uploads/`, { method: "POST" });
    expect(upload.status).toBe(405);
  });

  test("the big image is over 850 MB and hard to keep", async () => {
    const { layers } = await manifest(IMAGES.big);
    let bytes = 0;
    for (const { digest } of layers) {
      // A gzip file ends with the size of what it holds.
      const answer = await fetch(`http://${registry.host}/v2/big/blobs/${digest}`, {
        headers: { range: "bytes=-4" },
      });
      expect(answer.status).toBe(206);
      bytes += Buffer.from(await answer.arrayBuffer()).readUInt32LE();
    }
    expect(bytes).toBeGreaterThan(900e6);
    // The last layer holds the hard cases.
    const details = join(scratch, "details.tar.gz");
    await writeFile(details, await blob(IMAGES.big, layers.at(-1)?.digest ?? ""));
    const list = ["--list", "--verbose", "--verbose", "--numeric-owner", "--xattrs", "--xattrs-include=*"];
    const entries = await run("tar", [...list, "--file", details]);
    expect(entries).toMatch(/ 1001\/1001 .* \.\/srv\/owned\/1001$/m);
    expect(entries).toMatch(/ 65533\/65533 .* \.\/srv\/owned\/65533$/m);
    expect(entries).toMatch(/\.\/usr\/local\/bin\/python3-low-port\n\s+x: *\d+ security\.capability/);
    expect(entries).toMatch(/^-rwsr-xr-x .* \.\/usr\/local\/bin\/id-setuid$/m);
    expect(entries).toMatch(/ \.\/srv\/links\/(one|two) link to /);
    expect(entries).toMatch(/ \.\/srv\/hidden\/\.wh\.whiteout$/m);
    expect(entries).toMatch(/ \.\/srv\/opaque\/\.wh\.\.wh\.\.opq$/m);
  }, 120_000);
});
