/** The name of a store path: a hash in Nix's base 32, and a name. */
const storeName = /^[0-9a-df-np-sv-z]{32}-[\w+.?=-]{1,211}$/;

/** @returns the name below /nix/store, or undefined for what is no store path */
export function nameOf(path: string): string | undefined {
  const name = path.startsWith("/nix/store/") ? path.slice("/nix/store/".length) : "";
  return storeName.test(name) ? name : undefined;
}

/**
 * The names of the store paths that a registration tells Nix of.
 *
 * @param text in the format of `nix-store --dump-db`: a field a line, of each path its own, hash, size, deriver, the
 *   number of its references, and these
 * @throws {Error} for another text, and for one by which a path would refer to one that it does not name
 */
export function parseRegistration(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const names = new Set<string>();
  const references = new Set<string>();
  for (let at = 0; at < lines.length; ) {
    const [path = "", hash = "", size = "", deriver = "", count = ""] = lines.slice(at, at + 5);
    const name = nameOf(path);
    const whole = /^(sha256:)?[0-9a-z]{52,64}$/.test(hash) && /^\d+$/.test(size) && /^\d+$/.test(count);
    if (name === undefined || !whole || (deriver !== "" && nameOf(deriver) === undefined)) {
      throw new Error(`its registration is damaged at line ${at + 1}`);
    }
    names.add(name);
    const end = at + 5 + Number(count);
    if (end > lines.length) throw new Error("its registration ends too early");
    for (const reference of lines.slice(at + 5, end)) references.add(nameOf(reference) ?? reference);
    at = end;
  }
  const lacking = [...references].find((name) => !names.has(name));
  if (lacking !== undefined) throw new Error(`its registration lacks ${lacking}`);
  return [...names];
}
