import type { Unpaired } from "../cases.ts";
import { type Desk, openDesk } from "../nix/desk.ts";
import { installCases } from "../nix/install-cases.ts";
import type { Case, Open } from "../suite.ts";

/** Nix and the environment's closure, installed and brought back, against the programs that do no more than that. */
export const open: Open = async ({ quick }) => {
  const desk = await openDesk();
  try {
    const cases = [...installCases(desk)];
    const pairs = (one: Unpaired): Case => ({ ...one, pairs: quick ? 3 : 15, warmUps: 1 });
    return { facts: await facts(desk), cases: cases.map(pairs), close: () => desk.close() };
  } catch (error) {
    await desk.close();
    throw error;
  }
};

async function facts({ world, machine, sh }: Desk): Promise<string[]> {
  const [name = ""] = (world.inputs["nix-url"] ?? "").split("/").slice(-1);
  const size = await sh(
    machine,
    `curl --silent --fail --head ${world.inputs["nix-url"]} | grep -i ^content-length`,
  );
  return [
    `${name}, ${size}`,
    `${await sh(machine, "tar --version | head -n 1")}, ${await sh(machine, "xz --version | head -n 1")}`,
  ];
}
