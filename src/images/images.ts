import { warning } from "@actions/core";
import { type Environment, tryInside } from "../environment/environment.ts";
import type { PullPolicy } from "../inputs.ts";
import { info, lastWords, linesOf } from "../log.ts";

/** What registries and the disk bear well; podman fetches several layers of each image at once, too. */
const atOnce = 4;

/** How one image is after all: its id, or why it is not there. */
type Outcome = { id: string } | { name: string; why: string };

/**
 * Sees to it that images are in the store, with podman's own pull: so names, credentials, mirrors and short names
 * are as podman finds them.
 *
 * @param names as podman pull takes them
 * @returns the ids of the images
 * @throws {Error} that names all that could not be pulled, when the others have been
 */
export async function provideImages(
  environment: Environment,
  names: readonly string[],
  policy: PullPolicy,
): Promise<string[]> {
  const outcomes = await inParallel([...new Set(names)], (name) => provide(environment, name, policy));
  const failed = outcomes.filter((outcome) => "why" in outcome);
  if (failed.length > 0) {
    const reasons = failed.map(({ name, why }) => `${name}: ${why}`).join("; ");
    throw new Error(
      `Cannot pull ${reasons}. Check the names, and log in to registries that ask for it in a step before this one.`,
    );
  }
  return outcomes.flatMap((outcome) => ("id" in outcome ? outcome.id : []));
}

/**
 * `newer` is done by a pull, since podman 5.4 and older have no `pull --policy`: of an image that is the same podman
 * fetches the manifest and the configuration alone.
 */
async function provide(environment: Environment, name: string, policy: PullPolicy): Promise<Outcome> {
  const there = await idOf(environment, name);
  if (there !== undefined && policy === "missing") {
    info(`${name} is there`);
    return { id: there };
  }
  const { code, stdout, stderr } = await tryInside(environment, "podman", ["pull", "--quiet", name]);
  const id = linesOf(stdout).at(-1);
  if (code === 0 && id !== undefined) {
    info(id === there ? `${name} is the registry's` : `${name} is pulled`);
    return { id };
  }
  const why = reasonIn(stderr);
  if (there === undefined) return { name, why };
  warning(`${name} stays as it is: ${why}`);
  return { id: there };
}

async function idOf(environment: Environment, name: string): Promise<string | undefined> {
  const inspect = ["image", "inspect", "--format", "{{.Id}}", name];
  const { code, stdout } = await tryInside(environment, "podman", inspect);
  return code === 0 ? stdout.trim() : undefined;
}

/** podman's error, which can be of several lines, without its warnings of further attempts. */
function reasonIn(stderr: string): string {
  const lines = linesOf(stderr).map((line) => line.trim());
  const error = lines.findLastIndex((line) => line.startsWith("Error: "));
  return error === -1
    ? lastWords(stderr)
    : lines
        .slice(error)
        .join(" ")
        .replace(/^Error: /, "");
}

/** Results in the order of the items. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const worker = async () => {
    for (const [index, item] of rest) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
