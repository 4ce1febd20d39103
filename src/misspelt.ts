import { distance } from "fastest-levenshtein";

export interface Misspelt {
  /** As it was given, in small letters. */
  given: string;
  /** The input whose name is nearest. */
  meant: string;
}

/**
 * What was given by a name that is almost an input's. The runner hands all of a step's `with:` over as INPUT_* and only
 * warns, so that `flakes:` would leave podman to come from another flake than the one that was meant. Names that are
 * near none are left alone: a workflow may have variables of its own that begin with INPUT_.
 *
 * @param variables names of the step's environment variables
 * @param known names of the inputs
 */
export function misspeltInputs(variables: readonly string[], known: Iterable<string>): Misspelt[] {
  const names = new Set(known);
  return variables.flatMap((variable) => {
    const given = /^INPUT_(.+)$/.exec(variable)?.[1]?.toLowerCase();
    if (given === undefined || names.has(given)) return [];
    const [meant, apart] = nearest(given, names);
    return apart <= (given.length < 5 ? 1 : 2) ? [{ given, meant }] : [];
  });
}

function nearest(given: string, names: Iterable<string>): [name: string, apart: number] {
  const all = [...names].map((name): [string, number] => [name, distance(given, name)]);
  return all.reduce((best, one) => (one[1] < best[1] ? one : best), ["", Number.POSITIVE_INFINITY]);
}
