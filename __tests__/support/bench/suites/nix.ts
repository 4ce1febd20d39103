import { startFileServer } from "../../assets/file-server.ts";
import { lockedAction } from "../../world/locked.ts";
import { coldCase } from "../nix/cold-case.ts";
import { type Desk, openDesk } from "../nix/desk.ts";
import { installCases } from "../nix/install-cases.ts";
import { type Saved, saveAll } from "../nix/saved.ts";
import { mainCase, restoreCase } from "../nix/warm-cases.ts";
import type { Open } from "../suite.ts";

/** Nix and the environment's closure, installed and brought back, against programs that do no more than unpack. */
export const open: Open = async ({ quick }) => {
  const desk = await openDesk();
  try {
    const saved = await saveAll(desk);
    const locked = lockedAction(desk.world, desk.world.path("locked"));
    const server = await startFileServer(locked.cache);
    const pairs = quick ? 3 : 15;
    const cases = [
      ...[...installCases(desk), restoreCase(desk, saved), mainCase(desk, saved)].map((one) => ({
        ...one,
        ...{ pairs, warmUps: quick ? 0 : 1 },
      })),
      { ...coldCase(desk, locked, server), pairs: quick ? 1 : 3, warmUps: 0 },
    ];
    const close = async () => {
      await server.close();
      await desk.close();
    };
    return { facts: await facts(desk, saved), cases, close };
  } catch (error) {
    await desk.close();
    throw error;
  }
};

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

async function facts({ world, machine, sh }: Desk, { bytes }: Saved): Promise<string[]> {
  const url = world.inputs["nix-url"] ?? "";
  const size = await sh(machine, `curl --silent --fail ${url} | wc -c`);
  const versions = await sh(machine, "tar --version | head -n 1; xz --version | head -n 1; zstd --version");
  return [
    `${url.split("/").at(-1)}, ${megabytes(Number(size))}; ${versions.split("\n").join("; ")}`,
    `closure in the cache ${megabytes(bytes.closure)}, by tar and zstd ${megabytes(bytes.tarball)}; with the image store ${megabytes(bytes.all)}`,
  ];
}
