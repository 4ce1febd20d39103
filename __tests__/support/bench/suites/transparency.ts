import { type NativeMachine, startNativeMachine } from "../../world/native.ts";
import type { Pair } from "../statistics.ts";
import type { Aim, Case, Open } from "../suite.ts";
import { timed } from "../timed.ts";

/** A bash script with `podman`; the two sides differ in which one that is. */
interface Command {
  name: string;
  script: string;
  /** What the peer runs instead. */
  peer?: string;
  /** Runs before each, unmeasured. */
  before?: string;
  aim?: Aim;
  /** Takes seconds, and is as stable: fewer pairs will do. */
  long?: boolean;
}

const commands = { subject: "ours", peer: "native" } as const;
const bare = { difference: 12 };
const near = { ratio: 1.05 };

/** What each side has before anything is measured: a running container, a context to build, an archive. */
const prepare = (bytes: number) => `mkdir -p context
  # As every installed Debian has it: where it is, libfuse runs mount(8) for each mount of fuse-overlayfs.
  [ -h /etc/mtab ] || sudo ln -s ../proc/self/mounts /etc/mtab
  [ -e blob ] || head -c ${bytes} /dev/urandom >blob
  [ -e archive ] || {
    printf 'FROM scratch\\nCOPY blob /\\n' | podman build --quiet --tag localhost/blob --file - .
    podman save --quiet --output archive localhost/blob
    podman rmi localhost/blob
  }
  printf 'FROM %s\\nRUN echo hello >/hello\\nCOPY Containerfile /\\n' $image >context/Containerfile
  podman run --detach --name bench $image sleep infinity`;

const measured = (bytes: number): Command[] => [
  {
    name: "join, and run true",
    // As startNativeMachine's own podman, which is the one of the outputs.
    script: "sh /srv/nix/enter.sh --rootfs /srv/debian exec true",
    peer: "sh -c 'exec true'",
    aim: bare,
  },
  { name: "podman --version", script: "podman --version", aim: bare },
  { name: "podman version", script: "podman version", aim: bare },
  { name: "podman ps", script: "podman ps", aim: bare },
  { name: "podman run --rm IMAGE true", script: "podman run --rm $image true", aim: near },
  { name: "podman exec CONTAINER true", script: "podman exec bench true", aim: bare },
  { name: "podman build, all cached", script: "podman build context", aim: near },
  {
    name: `${size(bytes)} through podman run -i IMAGE cat`,
    script: `head -c ${bytes} /dev/zero | podman run --rm -i $image cat`,
    aim: near,
    long: true,
  },
  {
    name: `${size(bytes)} from podman run into sha256sum`,
    script: `podman run --rm $image head -c ${bytes} /dev/zero | sha256sum`,
    aim: near,
    long: true,
  },
  {
    name: `${size(bytes)} into podman load`,
    before: "podman rmi --ignore localhost/blob",
    script: "podman load <archive",
    aim: near,
    long: true,
  },
];

const size = (bytes: number) => (bytes < 1e9 ? `${bytes / 1e6} MB` : `${bytes / 1e9} GB`);

/** podman in the environment against the same podman installed the ordinary way, both with the same driver. */
export const open: Open = async ({ quick }) => {
  const desk = await startNativeMachine("trixie");
  try {
    const bytes = quick ? 100_000_000 : 1_000_000_000;
    for (const side of ["peer", "subject"] as const) await onSide(desk, side, prepare(bytes));
    const cases = measured(bytes).map(
      ({ name, script, peer = script, before = ":", aim, long }): Case => ({
        name,
        subject: "environment",
        peer: "native",
        pairs: long ? (quick ? 2 : 7) : quick ? 5 : 30,
        warmUps: long && quick ? 0 : 1,
        ...(aim && { aim }),
        run: async (side) =>
          Number(await onSide(desk, side, timed(before, side === "peer" ? peer : script))) / 1000,
      }),
    );
    return { facts: await facts(desk), cases, close: () => desk.close() };
  } catch (error) {
    await desk.close();
    throw error;
  }
};

/** Runs a script in the folder of what was prepared, with a side's podman on PATH, and returns what it prints. */
async function onSide(desk: NativeMachine, side: keyof Pair, script: string): Promise<string> {
  const here = `mkdir -p ~/bench; cd ~/bench; PATH=$(${commands[side]} printenv PATH)`;
  const { code, stdout, stderr } = await desk.sh(`${here}\n${script}`);
  if (code !== 0) throw new Error(`${commands[side]}: ${script}\nended with ${code}: ${stderr}`);
  return stdout;
}

/** What podman says of itself. @throws {Error} when the sides are not alike: then they cannot be compared */
async function facts(desk: NativeMachine): Promise<string[]> {
  const format = `podman {{.Version.Version}} on both sides, store driver {{.Store.GraphDriverName}} with \
{{(index .Store.GraphOptions "overlay.mount_program").Executable}}, {{.Host.OCIRuntime.Name}}, \
{{.Host.RootlessNetworkCmd}}, logs by {{.Host.LogDriver}}`;
  const line = `podman info --format '${format}'`;
  const [peer, subject] = [await onSide(desk, "peer", line), await onSide(desk, "subject", line)];
  if (subject !== peer) throw new Error(`the two sides are not alike: ${peer.trim()}, and ${subject.trim()}`);
  return [peer.trim()];
}
