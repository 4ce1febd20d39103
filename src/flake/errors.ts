/** One line of what was tried, and of what Nix said, the errors rather than the trace. */
export function flakeError(what: string, stderr: string): Error {
  const lines = stderr.split("\n").map((line) => line.trim());
  // Of a build that failed, newer versions of Nix say last that something depended on it.
  const errors = lines.filter(
    (line) => /^error:\s*\S/.test(line) && !/dependenc(y|ies) (failed|of)/.test(line),
  );
  const reason =
    errors.at(-1) ??
    lines
      .filter((line) => line !== "")
      .slice(-3)
      .join(" ");
  const hint = /HTTP error (403|429)/.test(stderr)
    ? " Give github-token: without one GitHub limits requests."
    : "";
  return new Error(`${what}: ${reason.replace(/^error:\s*/, "")}${hint}`);
}
