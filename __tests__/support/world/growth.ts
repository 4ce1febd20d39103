import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseChain } from "../../../src/cache/key.ts";
import { type Registry, startRegistry } from "../assets/registry.ts";
import { type ChainJob, type ChainOptions, openChain } from "./chain.ts";

/** One run of the growing project. */
export interface Run {
  number: number;
  /** Whether the base image had changed since the run before. */
  rebased: boolean;
  /** Segments that were brought back, and their bytes. */
  segments: number;
  size: number;
  /** Steps of the build that were made anew, and that came from the cache. */
  made: number;
  reused: number;
  /** What the first container of the built image said. */
  says: string;
  /** Why the chain was made anew after this run; empty: it was not. */
  anew: string;
  uploaded: number;
  seconds: ChainJob["seconds"];
}

export interface GrowthOptions extends ChainOptions {
  runs: number;
  /** Runs before which a new base image is pushed. */
  rebases: readonly number[];
}

/** Of the layers of the project, in bytes that cannot be compressed. */
const BYTES = { base: 8_000_000, dependencies: 4_000_000, change: 1_000_000 };

const noise = (bytes: number, path: string) => `head -c ${bytes} /dev/urandom >${path}`;

/**
 * A project over many runs, with real builds: an image of two stages on a base image, of which every run changes the
 * last step. Each run is a job on a machine without a store.
 */
export async function grow({ runs, rebases, ...options }: GrowthOptions): Promise<Run[]> {
  const scratch = mkdtempSync(join(tmpdir(), "growth-"));
  const chain = await openChain(options);
  const registry: Registry = await startRegistry({ directory: scratch });
  const base = `${registry.host}/base:latest`;
  try {
    await chain.output(`printf '[[registry]]\\nlocation = "${registry.host}"\\ninsecure = true\\n' \\
      >>~/.config/containers/registries.conf`);
    const done: Run[] = [];
    for (let number = 1; number <= runs; number += 1) {
      const rebased = number === 1 || rebases.includes(number);
      if (rebased) await chain.job(pushBase(base, chain.image, number), { mode: "false" });
      const job = await chain.job(build(base, number));
      done.push(recordOf(number, rebased, job));
    }
    return done;
  } finally {
    await chain.close();
    await registry.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

const pushBase = (base: string, from: string, number: number): string => `
  printf 'FROM ${from}\\nRUN ${noise(BYTES.base, "/base")}; echo base ${number} >/version\\n' |
    podman build --quiet --tag ${base} -
  podman push --quiet ${base}`;

const build = (base: string, number: number): string => `
  cat >Containerfile <<'END'
FROM ${base} AS dependencies
RUN ${noise(BYTES.dependencies, "/dependencies")}
FROM ${base}
RUN echo the same in every run >/same
COPY --from=dependencies /dependencies /dependencies
RUN ${noise(BYTES.change, "/change")}; echo run ${number} >/ran
END
  podman pull --quiet ${base}
  podman build --tag localhost/project . 2>&1
  echo "says: $(podman run --rm localhost/project sh -c 'cat /version /ran; stat -c %s /dependencies' | paste -sd ' ')"`;

function recordOf(
  number: number,
  rebased: boolean,
  { cache, output, log, uploaded, seconds }: ChainJob,
): Run {
  const reused = output.match(/--> Using cache/g)?.length ?? 0;
  return {
    number,
    rebased,
    segments: parseChain(cache.prefix, cache.matchedKey)?.length ?? 0,
    size: cache.size,
    made: 4 - reused,
    reused,
    says: /^says: (.*)$/m.exec(output)?.[1] ?? "",
    anew: /^The chain is made anew: (.*)$/m.exec(log.save)?.[1] ?? "",
    uploaded,
    seconds,
  };
}
