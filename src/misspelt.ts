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
    // One slip; two in a long name. With two, `docker` would be `doctor`, and `flags` be `flake`.
    return apart <= (given.length < 8 ? 1 : 2) ? [{ given, meant }] : [];
  });
}

function nearest(given: string, names: Iterable<string>): [name: string, apart: number] {
  const all = [...names].map((name): [string, number] => [name, slips(given, name)]);
  return all.reduce((best, one) => (one[1] < best[1] ? one : best), ["", Number.POSITIVE_INFINITY]);
}

/**
 * How many slips are between two words: a letter too many, too few or another, or two neighbours that changed places
 * (the optimal string alignment distance; packages for Levenshtein's count the last one twice).
 */
export function slips(one: string, other: string): number {
  // Of the beginnings of both words, by their lengths.
  const rows = [[...Array(other.length + 1).keys()]];
  const at = (row: number, column: number) => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= one.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      const swapped = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      rows[i]?.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + same,
          swapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(one.length, other.length);
}
