/**
 * Takes out of a text what is nobody else's business: users and passwords of URLs, and the identifiers of D-Bus
 * addresses, by which a client knows that it talks to the right bus.
 */
export const withoutSecrets = (text: string): string =>
  text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s@]*@/gi, "$1***@")
    .replace(/([,:;]guid=)[^,;\s]*/g, "$1***")
    .replace(/\b(?:gh[a-z]_|github_pat_)\w{10,}/g, "***");
